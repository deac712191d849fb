#include "greylist/peer_server.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/base64.h"
#include "base/escape.h"
#include "table/ip.h"

namespace hikyaku::greylist {
namespace {

constexpr std::string_view kSeparators = " \n\t\r";
constexpr unsigned kNewestVersion = 3;

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kSeparators), line.size()));
  const auto word = line.substr(0, line.find_first_of(kSeparators));
  line.remove_prefix(word.size());
  return word;
}

/// As atoi(3): what is no number is 0, and what follows on one is nothing. A time before 1970 is 1970.
Seconds time_of(std::string_view text) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 1'000'000;  // a Time holds it
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') break;
    value = std::min(kMost, value * 10 + (c - '0'));
  }
  return Seconds(std::chrono::seconds(value));
}

std::optional<PeerChange::Kind> kind_of(std::string_view word) {
  if (word == "add") return PeerChange::Kind::add;
  if (word == "del") return PeerChange::Kind::del;
  if (word == "del2") return PeerChange::Kind::del2;
  if (word == "flush") return PeerChange::Kind::flush;
  return std::nullopt;
}

constexpr std::string_view kHelp =
    "203 Help? Sure, we have help here:\n"
    "203 \n"
    "203 Available commands are:\n"
    "203 help  -- displays this message\n"
    "203 quit  -- terminate connection\n"
    "203 vers2 -- speak version 2 protocol\n"
    "203 vers3 -- speak version 3 protocol\n"
    "203 add addr <ip> from <email> rcpt <email> date <time>  -- add en entry\n"
    "203 del addr <ip> from <email> rcpt <email> date <time>  -- remove en entry\n"
    "203 del2 addr <ip> from <email> rcpt <email> date <time> aw <time> -- remove en entry, adding it to "
    "autowhite with given delay (version 2 only)\n"
    "203 flush addr <ip> -- remove anything about an ip  (version 3 only)\n";

/// The operands of a command, each behind its keyword. After the first failure `problem` is the reply.
class Operands {
 public:
  explicit Operands(std::string_view line) : line_(line) {}
  std::string_view take(std::string_view keyword) {
    const auto found = problem.empty() ? word() : std::string_view();
    if (problem.empty() && found != keyword) unexpected(found);
    return problem.empty() ? word() : std::string_view();
  }
  /// Empty where it is not there.
  std::string_view take_if_there(std::string_view keyword) {
    auto rest = line_;
    if (!problem.empty() || take_word(rest) != keyword) return {};
    line_ = rest;
    return word();
  }
  void end() {
    if (!problem.empty()) return;
    if (const auto more = take_word(line_); !more.empty()) unexpected(more);
  }
  std::string problem;

 private:
  std::string_view word() {
    const auto word = take_word(line_);
    if (word.empty()) problem = "103 Incomplete command";
    return word;
  }
  void unexpected(std::string_view word) { problem = "104 Unexpected keyword \"" + escaped(word) + '"'; }
  std::string_view line_;
};

}  // namespace

PeerServer::PeerServer(Caller caller, Proof proof) : proof_(proof) {
  switch (caller) {
    case Caller::peer:
      out_ = "200 Yeah, what do you want?\n";
      break;
    case Caller::stranger:
      out_ = "106 You have no permission to talk, go away!\n";
      closed_ = true;
      break;
    case Caller::nobody_is_a_peer:
      out_ = "105 No more peers, shutting down!\n";
      closed_ = true;
      break;
  }
}

void PeerServer::feed(std::string_view octets) {
  in_.erase(0, std::exchange(taken_, 0));
  in_ += octets;
}

PeerServer::Event PeerServer::reply(std::string_view line) {
  out_.append(line).append("\n");
  return Answered{};
}

PeerServer::Event PeerServer::next() {
  for (;;) {
    if (closed_) return Close{};
    const auto left = std::string_view(in_).substr(taken_);
    const auto end = left.find('\n');
    const bool whole = end != std::string_view::npos;
    const auto size = whole ? end + 1 : left.size();
    const bool too_long = !skipping_ && size > (proof_ == Proof::given ? kOwnPeerLine : kLine);
    const bool last = finished_ && !left.empty() && !skipping_;
    if (!whole && !too_long && !last) {
      if (skipping_) taken_ = in_.size();
      if (!finished_) return NeedBytes{};
      out_ += "202 Good bye\n";
      closed_ = true;
      return Close{};
    }
    taken_ += size;
    const bool skipped = std::exchange(skipping_, too_long && !whole);
    if (too_long) return reply("103 Incomplete command");
    if (!skipped) return command(left.substr(0, size));
  }
}

PeerServer::Event PeerServer::command(std::string_view line) {
  const auto word = take_word(line);
  if (word.empty()) return reply("101 No command");
  if (word == "quit") {
    out_ += "202 Good bye\n";
    closed_ = true;
    return Close{};
  }
  if (word == "help") {
    out_ += kHelp;
    return Answered{};
  }
  for (unsigned version = 2; version <= kNewestVersion; ++version) {
    const auto number = std::to_string(version);
    if (word == "vers" + number) {
      return reply("80" + number + " Yes, I speak version " + number + ", what do you think?");
    }
  }
  if (const auto kind = kind_of(word)) return change(*kind, line);
  if (proof_ == Proof::given && (word == "gap" || word == "table")) return own_command(word, line);
  return reply("102 Invalid command \"" + escaped(word) + '"');
}

PeerServer::Event PeerServer::own_command(std::string_view word, std::string_view line) {
  const auto from = base64_decode(take_word(line));
  if (!from || !take_word(line).empty()) return reply("103 Incomplete command");
  if (word == "table") return TableWanted{*from};
  out_ += "201 All right, I'll do that\n";
  return Gap{};
}

void PeerServer::answer_table(const TuplePage& page) {
  const auto line = [&](unsigned code, std::string_view octets) {
    out_.append(std::to_string(code)).append(" ");
    put_base64(out_, octets);
    out_ += '\n';
  };
  for (const auto& one : page.tuples) line(kTableRow, encode(one.entry));
  if (page.next.empty()) {
    out_.append(std::to_string(kLastPage)).append(" That was all\n");
  } else {
    line(kPageEnd, page.next);
  }
}

PeerServer::Event PeerServer::change(PeerChange::Kind kind, std::string_view line) {
  Operands operands(line);
  PeerChange change;
  change.kind = kind;
  const auto address = operands.take("addr");
  if (operands.problem.empty()) {
    const auto ip = table::Ip::parse(address);
    if (!ip) return reply("107 Invalid IP address");
    change.address = ip->text();
  }
  if (kind != PeerChange::Kind::flush) {
    change.sender = tuple_recipient(operands.take("from"));  // already without what leads to its last '='
    change.recipient = tuple_recipient(operands.take("rcpt"));
    change.time = time_of(operands.take("date"));
  }
  if (kind == PeerChange::Kind::del2) change.autowhite = time_of(operands.take("aw"));
  if (proof_ == Proof::given) change.pool = operands.take_if_there("pool");
  operands.end();
  if (!operands.problem.empty()) return reply(operands.problem);
  out_ += "201 All right, I'll do that\n";
  return Change{std::move(change)};
}

}  // namespace hikyaku::greylist
