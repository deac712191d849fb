#include "base/explanation.h"

#include "base/varint.h"

namespace hikyaku {
namespace {

constexpr std::size_t kUsual = 2000;  // octets of what is decided for a message to one recipient

std::vector<std::string> split_keys(std::string_view joined) {
  std::vector<std::string> keys;
  while (!joined.empty()) {
    const auto end = joined.find('\0');
    keys.emplace_back(joined.substr(0, end));
    if (end == std::string_view::npos) break;
    joined.remove_prefix(end + 1);
  }
  return keys;
}

}  // namespace

void Explanation::add(const Step& step) {
  if (bytes_.empty()) bytes_.reserve(kUsual);
  put_text(bytes_, step.step);
  put_text(bytes_, step.rule);
  put_varint(bytes_, step.origin.file);
  put_varint(bytes_, step.origin.line);
  put_text(bytes_, step.keys);
  put_text(bytes_, step.failed);
  put_text(bytes_, step.operand);
  put_text(bytes_, step.outcome);
}

Result<std::vector<Explanation::Entry>> Explanation::decode(std::string_view stored) {
  std::vector<Entry> entries;
  const auto whole = stored.size();
  while (!stored.empty()) {
    const auto at = whole - stored.size();
    const auto step = take_text(stored);
    const auto rule = take_text(stored);
    const auto file = take_varint(stored);
    const auto line = take_varint(stored);
    const auto keys = take_text(stored);
    const auto failed = take_text(stored);
    const auto operand = take_text(stored);
    const auto outcome = take_text(stored);
    if (!step || !rule || !file || !line || !keys || !failed || !operand || !outcome || *file > UINT32_MAX ||
        *line > UINT32_MAX) {
      return fail(Fault::corrupt, "ledger entry cut or malformed at octet " + std::to_string(at));
    }
    entries.push_back({std::string(*step), std::string(*rule),
                       Origin{static_cast<std::uint32_t>(*file), static_cast<std::uint32_t>(*line)},
                       split_keys(*keys), std::string(*failed), std::string(*operand),
                       std::string(*outcome)});
  }
  return entries;
}

std::vector<Explanation::Entry> Explanation::entries() const {
  auto entries = decode(bytes_);
  return entries ? std::move(*entries) : std::vector<Entry>{};
}

}  // namespace hikyaku
