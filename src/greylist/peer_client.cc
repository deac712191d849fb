#include "greylist/peer_client.h"

#include <algorithm>

#include "base/base64.h"
#include "base/escape.h"

namespace hikyaku::greylist {
namespace {

constexpr std::size_t kShown = 100;  // octets of a reply in an error
constexpr unsigned kNewCodes = 800;  // and the version: it is spoken

/// The code of a reply, as atoi(3) reads its first word.
unsigned code_of(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
  unsigned code = 0;
  for (const char c : line.substr(0, 4)) {
    if (c < '0' || c > '9') break;
    code = code * 10 + static_cast<unsigned>(c - '0');
  }
  return code;
}

bool speakable(std::string_view text, std::size_t most) {
  return !text.empty() && text.size() <= most &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::string seconds(Seconds time) { return std::to_string(time.time_since_epoch().count()); }

}  // namespace

void PeerClient::feed(std::string_view octets) {
  if (phase_ != Phase::failed) in_ += octets;
}

PeerClient::Event PeerClient::failed(Fault fault, std::string text) {
  phase_ = Phase::failed;
  in_.clear();
  out_.clear();
  error_ = Error{fault, "telling a greylisting peer: " + std::move(text)};
  return Failed{*error_};
}

void PeerClient::ask_version() {
  phase_ = Phase::version;
  out_ += "vers" + std::to_string(version_) + '\n';
}

PeerClient::Event PeerClient::next() {
  if (phase_ == Phase::failed) return Failed{*error_};
  for (;;) {
    const auto end = in_.find('\n');
    const auto most = phase_ == Phase::page ? kRow : kReply;
    if (std::min(end, in_.size()) >= most) {
      return failed(Fault::malformed, "its reply is longer than " + std::to_string(most) + " octets");
    }
    if (end == std::string::npos) {
      if (finished_) return failed(Fault::temporary, "it closed the connection");
      return NeedBytes{};
    }
    const auto line = in_.substr(0, end);
    in_.erase(0, end + 1);
    auto event = reply(line);
    if (!std::holds_alternative<NeedBytes>(event)) return event;
  }
}

PeerClient::Event PeerClient::reply(std::string_view line) {
  const auto code = code_of(line);
  const auto refused = [&](std::string_view what) {
    return failed(Fault::temporary,
                  std::string(what) + " was answered with \"" + escaped(line, kShown) + '"');
  };
  switch (phase_) {
    case Phase::greeting:
      if (code != 200) return refused("the connection");
      ask_version();
      return NeedBytes{};
    case Phase::version:
      if (code != kNewCodes + version_ && --version_ > 1) {
        ask_version();
        return NeedBytes{};
      }
      phase_ = Phase::ready;
      return Ready{version_};
    case Phase::waiting:
      if (code != 201) return refused("a change");
      phase_ = Phase::ready;
      return Acknowledged{};
    case Phase::page:
      return page_reply(code, line);
    case Phase::ready:
    case Phase::failed:
      break;
  }
  return refused("nothing");
}

PeerClient::Event PeerClient::page_reply(unsigned code, std::string_view line) {
  const auto shown = [&] { return '"' + escaped(line, kShown) + '"'; };
  if (code == kLastPage) {
    phase_ = Phase::ready;
    return PageEnd{};
  }
  if (code != kTableRow && code != kPageEnd)
    return failed(Fault::temporary, "the question for its table was answered with " + shown());
  const auto blank = line.find(' ');
  const auto octets = base64_decode(blank == std::string_view::npos ? "" : line.substr(blank + 1));
  if (!octets || octets->empty()) return failed(Fault::malformed, "of its table came " + shown());
  if (code == kPageEnd) {
    phase_ = Phase::ready;
    return PageEnd{*octets};
  }
  if (++rows_ > kPage)
    return failed(Fault::malformed, "a page of its table has more than " + std::to_string(kPage) + " rows");
  auto entry = decode_tuple(*octets);
  if (!entry) return failed(Fault::malformed, "a row of its table can't be read: " + entry.error().text);
  entry->sender = tuple_recipient(entry->sender);
  entry->recipient = tuple_recipient(entry->recipient);
  return Row{std::move(*entry)};
}

PeerClient::Sent PeerClient::say(std::string_view line, Phase then) {
  if (phase_ != Phase::ready) return Sent::busy;
  out_ += line;
  phase_ = then;
  rows_ = 0;
  return Sent::sent;
}

PeerClient::Sent PeerClient::send_gap() { return say("gap\n", Phase::waiting); }

PeerClient::Sent PeerClient::ask_table(std::string_view from) {
  return say("table" + (from.empty() ? "" : " " + base64_encode(from)) + "\n", Phase::page);
}

PeerClient::Sent PeerClient::send(const PeerChange& change) {
  using Kind = PeerChange::Kind;
  if (phase_ != Phase::ready) return Sent::busy;
  if (change.kind == Kind::flush && version_ < 3) return Sent::not_spoken;
  const bool dated = change.kind != Kind::flush;
  const bool whitens = change.kind == Kind::del2 && version_ >= 2;
  std::string line = change.kind == Kind::add ? "add" : whitens ? "del2" : dated ? "del" : "flush";
  line += " addr " + change.address;
  // With kAddressLength octets its buffer has no room for an end.
  const bool good =
      speakable(change.address, kLine) && (!dated || (speakable(change.sender, kAddressLength - 1) &&
                                                      speakable(change.recipient, kAddressLength - 1)));
  if (!good) return Sent::unspeakable;
  if (dated) {
    line += " from " + change.sender + " rcpt " + change.recipient + " date " + seconds(change.time);
  }
  if (whitens) line += " aw " + seconds(change.autowhite);
  if (ours_ && dated && speakable(change.pool, ClientKey::kPoolLength)) line += " pool " + change.pool;
  line += "\r\n";
  if (line.size() > (ours_ ? kOwnPeerLine : kLine)) return Sent::unspeakable;
  out_ += line;
  phase_ = Phase::waiting;
  return Sent::sent;
}

bool PeerQueue::push(PeerChange change) {
  if (changes_.size() >= most_) {
    ++discarded_;
    return false;
  }
  changes_.push_back(std::move(change));
  return true;
}

}  // namespace hikyaku::greylist
