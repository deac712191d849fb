#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "mail/dsn.h"

// Whatever a server said and whatever the message holds, the notice has three parts, its own two are lines of
// printable text, and one recipient has one Action.
namespace {

using hikyaku::mail::Address;

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const hikyaku::mail::DsnNotice& notice) {
  const std::string_view message = notice.message;
  const auto named = message.find("boundary=\"") + 10;
  const auto marker = "\r\n--" + std::string(message.substr(named, message.find('"', named) - named));
  require(count(message, marker) == 4);
  require(message.ends_with(marker + "--\r\n"));
  const auto third = message.find(marker, message.find(marker, message.find(marker) + 1) + 1);
  const auto own = message.substr(0, third);
  require(count(own, "\r\nAction: ") == 1);
  require(count(own, "\n") == count(own, "\r\n") && count(own, "\r") == count(own, "\r\n"));
  for (const char c : own) {
    const auto octet = static_cast<unsigned char>(c);
    require((octet >= 0x20 && octet != 0x7f) || c == '\r' || c == '\n' || c == '\t');
    require(octet < 0x80 || notice.smtputf8);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest{reinterpret_cast<const char*>(data), size};
  const auto take = [&] {
    const auto field = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(rest.size(), field.size() + 1));
    return field;
  };
  hikyaku::mail::DsnFacts facts;
  facts.smtputf8 = take().starts_with('u');
  facts.reporting_mta = take();
  facts.queue_id = facts.notice_id = take();
  facts.envelope_id = take();
  const auto sender = Address::parse(take());
  const auto recipient = Address::from_internal(take());
  if (!sender || !recipient) return 0;
  facts.sender = *sender;
  facts.recipients.emplace_back();
  auto& told = facts.recipients.back();
  told.final_recipient = *recipient;
  told.original = take();
  told.status = take();
  told.remote_mta = take();
  told.diagnostic_type = take();
  told.diagnostic = take();
  told.reason = take();
  const auto header = take();
  check(compose_notice(facts, {header, rest}));
  check(compose_notice(facts, {header, std::nullopt}));
  return 0;
}
