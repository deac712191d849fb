#pragma once
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/explanation.h"
#include "greylist/conversation.h"
#include "io/dkim_check.h"
#include "milter/header_list.h"
#include "serve/greylist_rules.h"
#include "serve/greylist_services.h"

namespace hikyaku::serve {

/// One SMTP client as greylisting sees it: a greylist::Conversation with the time, the DNS, the limits and
/// the log around it. Who is called for its connection - a filter's session, or the hub's own - hands on what
/// the client says, in the order of SMTP. On one thread.
class GreylistedClient {
 public:
  /// What a macro of the MTA is worth; nullopt: nothing. Never an empty text.
  using Macro = std::function<std::optional<std::string_view>(std::string_view)>;

  GreylistedClient(GreylistServices& services, std::shared_ptr<const GreylistRules> rules);

  const greylist::Needs& needs() const { return rules_->needs; }

  /// `name` is "[192.0.2.1]" for a client without a verified one.
  boost::asio::awaitable<void> connect(std::string name, std::optional<table::Ip> address, Macro macro);
  void helo(std::string_view name) { conversation_.helo(name); }
  /// `path` as the client gave it: "<joe@a.example>".
  void mail(std::string_view path);
  /// Decides on a recipient; a tarpit's wait is over when it returns. `why` may be nullptr.
  boost::asio::awaitable<greylist::Verdict> recipient(std::string path, Explanation* why);
  greylist::Verdict data();
  /// `value` with LF in its folds.
  void header(std::string_view name, std::string_view value, milter::LeadingSpace space);
  void body(std::string_view octets);
  bool body_is_enough() const { return !dkim_ && conversation_.body_is_enough(); }
  boost::asio::awaitable<greylist::Conversation::MessageVerdict> message(Explanation* why);
  /// The message, or the connection, was given up.
  void abort();

 private:
  boost::asio::awaitable<void> check_spf();
  boost::asio::awaitable<void> check_dkim();
  boost::asio::awaitable<greylist::Decision> ask_rules(greylist::Stage stage, Explanation* why);
  boost::asio::awaitable<void> write_statistics();
  void note_time();
  void log_lines();

  GreylistServices& services_;
  const std::shared_ptr<const GreylistRules> rules_;
  greylist::Conversation conversation_;
  greylist::Answers answers_;
  std::unique_ptr<io::DkimCheck> dkim_;  // of the message, where a rule wants to know
  bool spf_checked_ = false;
};

/// The text of a refusal, which a format may have put anything into, as a reply can have it: no control
/// octets but line ends, no line longer than it may be.
std::string greylist_reply_text(std::string_view text);
/// The value of a header as the filter protocol has it: lines end in LF.
std::string greylist_header_value(std::string_view value);

}  // namespace hikyaku::serve
