#include "probe/conversation.h"

#include <algorithm>

namespace hikyaku::probe {

void Conversation::put(Entry::Kind kind, std::string text) {
  sink_.put({.kind = kind, .text = std::move(text), .tls = wire_.under_tls(), .at = elapsed_()});
}

void Conversation::follow(std::string_view line) {
  Entry entry{
      .kind = Entry::Kind::sent, .text = std::string(line), .tls = wire_.under_tls(), .at = elapsed_()};
  dialogue_->sent(entry);
  sent_secret_ = sent_secret_ || entry.secret_from < entry.text.size();
  sink_.put(entry);
}

Result<void> Conversation::send_line(std::string_view text) {
  sent_secret_ = false;
  follow(text);
  return wire_.send(std::string(text) + "\r\n");
}

Result<void> Conversation::send_raw(std::string_view octets) {
  sent_secret_ = false;
  auto rest = octets;
  for (auto end = rest.find("\r\n"); end != rest.npos; end = rest.find("\r\n")) {
    follow(rest.substr(0, end));
    rest.remove_prefix(end + 2);
  }
  if (!rest.empty()) put(Entry::Kind::sent, std::string(rest));
  return wire_.send(octets);
}

Result<void> Conversation::send_octets(std::string_view octets, std::string_view told) {
  put(Entry::Kind::sent, std::string(told));
  return wire_.send(octets);
}

Result<LineReader::Got> Conversation::hear(std::chrono::milliseconds within) {
  Line line;
  auto got = lines_.next(line, within, dialogue_->octets_left());
  if (got && *got == LineReader::Got::closed) {
    closed_ = true;
    dialogue_->ended();
  }
  if (!got || *got != LineReader::Got::line) return got;
  Entry entry{.kind = Entry::Kind::received,
              .text = std::move(line.text),
              .tls = wire_.under_tls(),
              .at = elapsed_()};
  // Half a line is no answer.
  if (line.end != Line::End::none) dialogue_->received(entry, line.end_octets() + line.dropped);
  sink_.put(entry);
  if (const auto oddity = line.oddity(); !oddity.empty()) note("that line " + oddity);
  return got;
}

Result<Answer> Conversation::answer() {
  const auto before = dialogue_->answers();
  const auto until = elapsed_() + limit_;
  while (dialogue_->answers() == before) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - elapsed_());
    const auto got = left.count() > 0 ? hear(left) : LineReader::Got::silence;
    if (!got) return std::unexpected(got.error());
    if (*got == LineReader::Got::closed && dialogue_->answers() == before)
      return fail(Fault::temporary, "the server closed the connection instead of an answer");
    if (*got == LineReader::Got::silence)
      return fail(Fault::temporary, "no whole answer came within " + std::to_string(limit_.count()) + " ms");
  }
  return dialogue_->last();
}

Result<Answer> Conversation::ask(std::string_view text) {
  if (auto sent = send_line(text); !sent) return std::unexpected(std::move(sent.error()));
  return answer();
}

Result<TlsReport> Conversation::start_tls(const TlsWish& wish, std::size_t& injected) {
  const auto read = lines_.left();
  lines_.drop();
  auto report = wire_.start_tls(wish, injected);
  injected += read;
  if (injected > 0)
    failure("before the handshake came " + std::to_string(injected) +
            " octets that nobody asked for: dropped (RFC 3207 s. 6: somebody may have injected them)");
  // With TLS at once the greeting is still to come.
  if (report && dialogue_->answers() > 0) dialogue_->restart();
  return report;
}

}  // namespace hikyaku::probe
