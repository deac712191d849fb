#include "serve/notice_milters.h"

#include <boost/asio/use_awaitable.hpp>
#include <limits>
#include <string>
#include <utility>

#include "base/escape.h"
#include "mail/header.h"
#include "serve/local_milters.h"
#include "serve/milter_chain.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

namespace {

constexpr std::uint64_t kLargestBody = std::uint64_t{1} << 20;  // of a new body: notices are kept in memory
constexpr std::string_view kLogTag = "cleanup";

/// What milter_header_checks asked for. What filters refuse stays refused.
void take_actions(rewrite::Actions actions, Notice& notice, MilterDecision& decision) {
  using Kind = MilterDecision::Kind;
  if (decision.refused() || decision.kind == Kind::discard) return;
  auto& entry = notice.entry;
  if (!actions.filter.empty()) entry.filter = std::move(actions.filter);
  if (actions.redirect && !entry.recipients.empty()) {
    entry.recipients.resize(1);
    entry.recipients.front().address = std::move(*actions.redirect);
  }
  if (actions.refusal) {
    std::string_view enhanced = actions.refusal->enhanced;
    const auto code = smtp::EnhancedCode::take(enhanced);
    decision = {Kind::reply, {actions.refusal->code, code, actions.refusal->text}, {}};
  } else if (actions.discard) {
    decision = {Kind::discard, {}, {}};
  } else if (actions.hold && decision.kind == Kind::go_on) {
    decision = {Kind::hold, {}, "held by milter_header_checks"};
  }
}

/// What milter_header_checks did to it.
asio::awaitable<rewrite::Actions> tell_message(MilterChain& chain, Services& services, const Running& running,
                                               Notice& notice, LocalDecision& told) {
  const auto end = mail::find_header_end(notice.content);
  MilterMessage message{
      .header = notice.content.substr(0, end.header),
      .body = std::make_unique<SpooledBody>(services.blob, "notice", std::numeric_limits<std::size_t>::max()),
      .entry = notice.entry,
      .rewriter = *running.rewriter,
      .blob = services.blob,
      .small_body = std::numeric_limits<std::size_t>::max(),
      .size_limit = kLargestBody,
      .lookups = services.lookups_for(running)};
  message.body->append(std::string_view(notice.content).substr(end.body));
  auto decided = co_await chain.message(message, notice.why);
  if (!decided) {
    told.decision = {MilterDecision::Kind::hold, {}, decided.error().text};
    co_return rewrite::Actions{};
  }
  told.decision = *std::move(decided);
  for (const auto& line : local_check_lines(notice.entry, told, message.actions.notes))
    services.log.info(kLogTag, line);
  for (const auto& warning : message.actions.warnings)
    services.log.warning(kLogTag, notice.entry.id.text() + ": " + escaped(warning));
  notice.content = message.header + "\r\n" + message.body->memory();
  notice.entry.size = notice.content.size();
  notice.entry.header_size = message.header.size() + 2;
  co_return std::move(message.actions);
}

/// Whether it is to be queued.
bool settle(LocalDecision told, rewrite::Actions actions, Notice& notice, io::Log& log) {
  using Kind = MilterDecision::Kind;
  auto& decision = told.decision;
  if (decision.kind != Kind::go_on) log.info(kLogTag, local_milter_line(notice.entry, told));
  take_actions(std::move(actions), notice, decision);
  if (decision.refused() && !decision.reply.permanent()) {
    decision.reason = "put off by a milter: " + decision.reply.line();
    decision.kind = Kind::hold;
    log.info(kLogTag, local_milter_line(notice.entry, told));
  }
  if (decision.refused() || decision.kind == Kind::discard) return false;
  if (decision.kind == Kind::hold) {
    notice.entry.hold = true;
    notice.entry.hold_reason = std::move(decision.reason);
  }
  return !notice.entry.recipients.empty();
}

}  // namespace

asio::awaitable<std::optional<std::vector<Notice>>> filter_notices(Services& services,
                                                                   std::shared_ptr<const Running> running,
                                                                   io::DeadlineSweep& sweep,
                                                                   std::vector<Notice> notices) {
  std::vector<Notice> left;
  for (auto& notice : notices) {
    auto warn = [&log = services.log](const std::string& text) { log.warning(kLogTag, text); };
    MilterChain chain(running->notice_milters, sweep, services.pool, std::move(warn));
    auto told = co_await tell_local_envelope(chain, notice.entry, notice.why);
    rewrite::Actions actions;
    if (told.decision.kind == MilterDecision::Kind::go_on)
      actions = co_await tell_message(chain, services, *running, notice, told);
    co_await chain.close();
    if (sweep.ending() && told.decision.kind == MilterDecision::Kind::shutdown) co_return std::nullopt;
    if (settle(std::move(told), std::move(actions), notice, services.log)) left.push_back(std::move(notice));
  }
  co_return left;
}

}  // namespace hikyaku::serve
