// Messages of anybody, and keys of anybody: the first line is what the DNS says of every key, the rest a
// message. The library that verifies is another's; that it neither ends the program nor reads beyond what it
// has is what is seen here. A message whose pieces come one octet at a time is judged as the one that comes
// whole.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "io/dkim_check.h"

using namespace hikyaku;

namespace {

DnsAnswer answer_of(std::string_view record) {
  using Status = DnsAnswer::Status;
  if (record == "none") return {Status::none, {}};
  if (record == "temporary") return {Status::temporary, {}};
  if (record == "malformed") return {Status::malformed, {}};
  if (record == "two") return {Status::found, {"v=DKIM1", "v=DKIM1"}};
  return {Status::found, {std::string(record)}};
}

mail::DkimVerdict judge(std::string_view record, std::string_view message, std::size_t piece) {
  io::DkimCheck check;
  while (!message.empty() && !message.starts_with('\n')) {
    auto end = message.find('\n');
    while (end != std::string_view::npos && end + 1 < message.size() &&
           (message[end + 1] == ' ' || message[end + 1] == '\t'))
      end = message.find('\n', end + 1);
    const auto field = message.substr(0, end);
    message.remove_prefix(end == std::string_view::npos ? message.size() : end + 1);
    const auto colon = field.find(':');
    check.header(field.substr(0, colon), colon == std::string_view::npos ? "" : field.substr(colon + 1));
  }
  if (!message.empty()) message.remove_prefix(1);
  for (; !message.empty(); message.remove_prefix(std::min(piece, message.size())))
    check.body(message.substr(0, piece));
  DnsFacts answers;
  const auto keys = check.keys();
  if (keys.size() > io::DkimCheck::kMostSignatures) std::abort();
  for (const auto& key : keys) answers.add(key, answer_of(record));
  return check.finish(answers);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto end = text.find('\n');
  const auto record = text.substr(0, end);
  const auto message = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  const auto whole = judge(record, message, message.size());
  if (whole.result == mail::DkimVerdict::Result::pass && whole.domain.empty()) std::abort();
  if (judge(record, message, 1) != whole) std::abort();
  return 0;
}
