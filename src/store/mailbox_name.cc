#include "store/mailbox_name.h"

#include "base/utf8.h"

namespace hikyaku::store {
namespace {

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool has_control(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octet = static_cast<unsigned char>(text[i]);
    if (octet < 0x20 || octet == 0x7f) return true;
    const bool c1 = octet == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c1) return true;
  }
  return false;
}

}  // namespace

std::string mailbox_name(const mail::Address& address) {
  auto name = address.local();
  if (!address.has_domain()) return name;
  name += '@';
  for (const char c : address.domain()) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return name;
}

std::string_view account_of(std::string_view mailbox) {
  const auto at = mailbox.find('@');
  return mailbox.substr(0, mailbox.find(kDelimiter, at == std::string_view::npos ? 0 : at));
}

std::optional<std::string_view> superior_of(std::string_view mailbox) {
  if (is_inbox(mailbox)) return std::nullopt;
  return mailbox.substr(0, mailbox.rfind(kDelimiter));
}

bool is_inferior(std::string_view mailbox, std::string_view other) {
  return mailbox.size() > other.size() && mailbox[other.size()] == kDelimiter && mailbox.starts_with(other) &&
         account_of(mailbox) == account_of(other);
}

Result<void> check_mailbox_name(std::string_view mailbox) {
  const auto bad = [](std::string_view why) {
    return fail(Fault::malformed, "a mailbox can't have this name: " + std::string(why));
  };
  if (mailbox.empty()) return bad("it is empty");
  if (mailbox.size() > kLongestName)
    return bad("it is longer than " + std::to_string(kLongestName) + " octets");
  if (!is_utf8(mailbox)) return bad("it is not UTF-8");
  if (has_control(mailbox)) return bad("it has control characters");
  const auto account = account_of(mailbox);
  if (account.empty() || account.front() == '@' || account.back() == '@') return bad("it has no user");
  std::size_t parts = 1;
  for (auto rest = mailbox.substr(account.size()); !rest.empty(); ++parts) {
    rest.remove_prefix(1);
    const auto part = rest.substr(0, rest.find(kDelimiter));
    if (part.empty() || part == "." || part == "..") return bad("a part of it is empty, '.' or '..'");
    rest.remove_prefix(part.size());
  }
  if (parts > kDeepestName) return bad("it has more than " + std::to_string(kDeepestName) + " parts");
  return {};
}

}  // namespace hikyaku::store
