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

asio::awaitable<MilterDecision> tell_message(MilterChain& chain, Services& services, const Running& running,
                                             Notice& notice) {
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
  if (!decided) co_return MilterDecision{MilterDecision::Kind::hold, {}, decided.error().text};
  notice.content = message.header + "\r\n" + message.body->memory();
  notice.entry.size = notice.content.size();
  notice.entry.header_size = message.header.size() + 2;
  if (message.actions.hold) decided->kind = MilterDecision::Kind::hold;
  co_return *std::move(decided);
}

}  // namespace

asio::awaitable<std::vector<Notice>> filter_notices(Services& services,
                                                    std::shared_ptr<const Running> running,
                                                    io::DeadlineSweep& sweep, std::vector<Notice> notices) {
  using Kind = MilterDecision::Kind;
  std::vector<Notice> left;
  for (auto& notice : notices) {
    auto warn = [&log = services.log](const std::string& text) { log.warning(kLogTag, text); };
    MilterChain chain(running->notice_milters, sweep, services.pool, std::move(warn));
    auto decision = co_await tell_local_envelope(chain, notice.entry, notice.why);
    if (decision.kind == Kind::go_on) decision = co_await tell_message(chain, services, *running, notice);
    co_await chain.close();
    const auto begin = notice.entry.id.text() + ": ";
    const std::string from = " from localhost[127.0.0.1]: ";
    switch (decision.kind) {
      case Kind::go_on:
        break;
      case Kind::discard:
        services.log.info(kLogTag, begin + "milter-discard: END-OF-MESSAGE" + from +
                                       "milter triggers DISCARD action; from=<>");
        continue;
      case Kind::reply:
      case Kind::shutdown:
        services.log.info(kLogTag, begin + "milter-reject: END-OF-MESSAGE" + from +
                                       escaped(decision.reply.line()) + "; from=<>");
        if (decision.reply.permanent()) continue;
        decision.reason = "put off by a milter: " + decision.reply.line();
        [[fallthrough]];
      case Kind::hold:
        services.log.info(
            kLogTag, begin + "milter-hold: END-OF-MESSAGE" + from + "milter triggers HOLD action; from=<>");
        notice.entry.hold = true;
        notice.entry.hold_reason = std::move(decision.reason);
        break;
    }
    if (notice.entry.recipients.empty()) continue;
    left.push_back(std::move(notice));
  }
  co_return left;
}

}  // namespace hikyaku::serve
