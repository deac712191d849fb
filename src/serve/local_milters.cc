#include "serve/local_milters.h"

#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/escape.h"
#include "serve/check_log.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kClient = "localhost[127.0.0.1]";

std::string facts(const record::QueueEntry& entry, const LocalDecision& decided) {
  auto text = " from=<" + escaped(entry.sender.text()) + ">";
  if (!decided.recipient.empty()) text += " to=<" + escaped(decided.recipient) + ">";
  return text;
}

}  // namespace

asio::awaitable<LocalDecision> tell_local_envelope(MilterChain& chain, const record::QueueEntry& entry,
                                                   Explanation& why) {
  using Kind = MilterDecision::Kind;
  auto& macros = chain.macros();
  macros.set("i", entry.id.text());
  macros.set("_", "localhost [127.0.0.1]");
  for (const auto* name : {"{client_addr}", "{daemon_addr}"}) macros.set(name, "127.0.0.1");
  for (const auto* name : {"{client_name}", "{client_ptr}"}) macros.set(name, "localhost");
  for (const auto* name : {"{client_port}", "{daemon_port}"}) macros.set(name, "0");
  milter::ClientAddress address{milter::ClientAddress::Family::inet, 0, "127.0.0.1"};
  LocalDecision told;
  told.where = "CONNECT";
  told.decision = co_await chain.connect("localhost", std::move(address));
  if (told.decision.kind != Kind::go_on) co_return told;
  told.where = "HELO";
  told.decision = co_await chain.helo("localhost");
  if (told.decision.kind != Kind::go_on) co_return told;
  told.where = "MAIL";
  auto sender = entry.sender.text();
  macros.set("{mail_addr}", sender);
  std::vector<std::string> none;
  told.decision = co_await chain.mail(std::move(sender), none, why);
  for (std::size_t i = 0; i < entry.recipients.size(); ++i) {
    if (told.decision.kind != Kind::go_on) co_return told;
    told.where = "RCPT";
    auto path = told.recipient = entry.recipients[i].address.text();
    macros.set("{rcpt_addr}", path);
    told.decision =
        co_await chain.rcpt(std::move(path), none, milter::ClientSession::Recipient::accepted, why);
    const bool alone = told.decision.kind == Kind::reply && told.decision.reply.permanent();
    if (!alone || told.refused.size() + 1 == entry.recipients.size()) continue;
    told.refused.push_back({i, std::move(told.decision.reply)});
    told.decision = {};
  }
  if (told.decision.kind != Kind::go_on) co_return told;
  told.where = "DATA";
  told.decision = co_await chain.data(why);
  if (told.decision.kind == Kind::go_on) told.where = LocalDecision().where;
  co_return told;
}

std::string local_milter_line(const record::QueueEntry& entry,
                              const LocalDecision::RefusedRecipient& refused) {
  LocalDecision decided;
  decided.decision = {MilterDecision::Kind::reply, refused.reply, {}};
  decided.where = "RCPT";
  decided.recipient = entry.recipients[refused.index].address.text();
  return local_milter_line(entry, decided);
}

std::string local_milter_line(const record::QueueEntry& entry, const LocalDecision& decided) {
  using Kind = MilterDecision::Kind;
  std::string_view action = "reject";
  std::string text;
  if (decided.decision.kind == Kind::hold) {
    action = "hold";
    text = "milter triggers HOLD action";
  } else if (decided.decision.kind == Kind::discard) {
    action = "discard";
    text = "milter triggers DISCARD action";
  } else {
    text = escaped(decided.decision.reply.line());
    text.erase(0, 4);  // nobody gets the SMTP code
  }
  std::string line = entry.id.text() + ": milter-";
  line += action;
  line += ": ";
  line += decided.where;
  line += " from ";
  line += kClient;
  return line += ": " + text + ";" + facts(entry, decided);
}

std::vector<std::string> local_check_lines(const record::QueueEntry& entry, const LocalDecision& decided,
                                           const std::vector<rewrite::CheckNote>& notes) {
  const auto id = entry.id.text(), about = facts(entry, decided);
  std::vector<std::string> lines;
  lines.reserve(notes.size());
  for (const auto& note : notes) lines.push_back(milter_check_line({id, kClient, about}, note));
  return lines;
}

}  // namespace hikyaku::serve
