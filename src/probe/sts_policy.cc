#include "probe/sts_policy.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "probe/record.h"
#include "probe/words.h"

namespace hikyaku::probe {
namespace {

std::string_view trimmed(std::string_view text) {
  static constexpr std::string_view kBlank = " \t\r";
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::unexpected<Error> wrong(std::string_view line, std::string_view why) {
  return fail(Fault::malformed,
              "the policy's line \"" + shown(line.substr(0, 200)) + "\" " + std::string(why));
}

Result<StsPolicy::Mode> parse_mode(std::string_view line, std::string_view value) {
  if (value == "enforce") return StsPolicy::Mode::enforce;
  if (value == "testing") return StsPolicy::Mode::testing;
  if (value == "none") return StsPolicy::Mode::none;
  return wrong(line, "has no mode that there is");
}

}  // namespace

Result<StsPolicy> StsPolicy::parse(std::string_view text) {
  if (text.size() > kMost) return fail(Fault::malformed, "the policy is longer than 64 KiB");
  StsPolicy policy;
  bool version = false;
  bool age = false;
  std::optional<Mode> mode;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    const auto colon = line.find(':');
    if (colon == line.npos) return wrong(line, "has no colon");
    const auto name = trimmed(line.substr(0, colon));
    const auto value = trimmed(line.substr(colon + 1));
    if (name == "version") {
      if (value != "STSv1") return wrong(line, "is no version that there is");
      version = true;
    } else if (name == "mode" && !mode) {
      auto read = parse_mode(line, value);
      if (!read) return std::unexpected(std::move(read.error()));
      mode = *read;
    } else if (name == "mx") {
      policy.hosts.emplace_back(value);
    } else if (name == "max_age" && !age) {
      const auto [stop, code] = std::from_chars(value.data(), value.data() + value.size(), policy.max_age);
      if (code != std::errc{} || stop != value.data() + value.size()) return wrong(line, "has no number");
      age = true;
    }
  }
  if (!version) return fail(Fault::malformed, "the policy has no \"version: STSv1\"");
  if (!mode) return fail(Fault::malformed, "the policy has no mode");
  if (!age) return fail(Fault::malformed, "the policy has no max_age");
  policy.mode = *mode;
  if (policy.hosts.empty() && policy.mode != Mode::none)
    return fail(Fault::malformed, "the policy names no mx");
  return policy;
}

bool StsPolicy::names(std::string_view host) const {
  return std::ranges::any_of(hosts, [&](const std::string& pattern) { return name_fits(pattern, host); });
}

bool announces_sts(std::string_view record) {
  static constexpr std::string_view kVersion = "v=STSv1";
  return record.starts_with(kVersion) && trimmed(record.substr(kVersion.size())).starts_with(';');
}

std::string sts_identifier(const std::vector<std::string>& records) {
  std::string found;
  for (const std::string_view record : records) {
    if (!announces_sts(record)) continue;
    const auto id = record.find("id=");
    if (!found.empty() || id == record.npos) return {};
    found = trimmed(record.substr(id + 3, record.find(';', id) - id - 3));
  }
  return found;
}

bool name_fits(std::string_view pattern, std::string_view host) {
  if (pattern.empty() || host.empty()) return false;
  if (!pattern.starts_with("*.")) return same_word(pattern, host);
  const auto dot = host.find('.');
  return dot != host.npos && dot > 0 && same_word(pattern.substr(1), host.substr(dot)) &&
         pattern.find('*', 1) == pattern.npos;
}

}  // namespace hikyaku::probe
