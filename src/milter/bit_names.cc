#include "milter/bit_names.h"

#include <array>
#include <span>
#include <utility>

namespace hikyaku::milter {
namespace {

using Name = std::pair<std::uint32_t, std::string_view>;

constexpr std::array kActions{
    Name{action::add_headers, "add headers"},
    Name{action::change_body, "change body"},
    Name{action::add_recipients, "add recipients"},
    Name{action::remove_recipients, "remove recipients"},
    Name{action::change_headers, "change headers"},
    Name{action::quarantine, "quarantine"},
    Name{action::change_sender, "change sender"},
    Name{action::add_recipients_with_parameters, "add recipients with parameters"},
    Name{action::set_macro_lists, "set macro lists"},
};

constexpr std::array kSteps{
    Name{step::no_connect, "no connect"},
    Name{step::no_helo, "no helo"},
    Name{step::no_mail, "no mail"},
    Name{step::no_rcpt, "no rcpt"},
    Name{step::no_body, "no body"},
    Name{step::no_headers, "no headers"},
    Name{step::no_end_of_headers, "no end of headers"},
    Name{step::no_reply_header, "no reply to header"},
    Name{step::no_unknown, "no unknown command"},
    Name{step::no_data, "no data"},
    Name{step::skip, "skip"},
    Name{step::rejected_recipients, "rejected recipients"},
    Name{step::no_reply_connect, "no reply to connect"},
    Name{step::no_reply_helo, "no reply to helo"},
    Name{step::no_reply_mail, "no reply to mail"},
    Name{step::no_reply_rcpt, "no reply to rcpt"},
    Name{step::no_reply_data, "no reply to data"},
    Name{step::no_reply_unknown, "no reply to unknown command"},
    Name{step::no_reply_end_of_headers, "no reply to end of headers"},
    Name{step::no_reply_body, "no reply to body"},
    Name{step::header_leading_space, "leading space of headers"},
    Name{step::data_256k, "packets of 256 KiB"},
    Name{step::data_1m, "packets of 1 MiB"},
};

std::vector<std::string_view> names(std::span<const Name> all, std::uint32_t bits) {
  std::vector<std::string_view> found;
  for (const auto& [bit, name] : all) {
    if ((bits & bit) != 0) found.push_back(name);
    bits &= ~bit;
  }
  if (bits != 0) found.emplace_back("unknown");
  return found;
}

constexpr std::array<std::string_view, kStages> kStageNames{
    "connect", "helo", "mail", "rcpt", "data", "end of message", "end of headers", "unknown command"};

}  // namespace

std::vector<std::string_view> action_names(std::uint32_t actions) { return names(kActions, actions); }
std::vector<std::string_view> step_names(std::uint32_t steps) { return names(kSteps, steps); }
std::string_view text(Stage stage) { return kStageNames[static_cast<std::size_t>(stage)]; }

}  // namespace hikyaku::milter
