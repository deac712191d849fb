#include <charconv>
#include <deque>

#include "probe/dialogue.h"
#include "probe/sasl_watch.h"
#include "probe/words.h"

namespace hikyaku::probe {
namespace {

using Verdict = Answer::Verdict;

/// The code of a reply line, and whether more lines follow (RFC 5321 s. 4.2, RFC 959 s. 4.2).
struct CodeLine {
  int code = 0;  ///< 0: it has none
  bool more = false;
};

CodeLine read_code(std::string_view line) {
  CodeLine out;
  if (line.size() < 3 || (line.size() > 3 && line[3] != ' ' && line[3] != '-')) return out;
  for (std::size_t i = 0; i < 3; ++i) {
    if (line[i] < '0' || line[i] > '9') return out;
  }
  out.code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  out.more = line.size() > 3 && line[3] == '-';
  return out;
}

Verdict verdict_of(int code) {
  if (code >= 500) return Verdict::refused;
  if (code >= 400) return Verdict::refused_for_now;
  if (code >= 300) return Verdict::more;
  return code >= 100 ? Verdict::good : Verdict::none;
}

/// SMTP, LMTP and FTP: replies with a code, in the order of the commands.
class CodeDialogue final : public Dialogue {
 public:
  explicit CodeDialogue(Speech speech) : speech_(speech) {
    restart();
    outstanding_.push_back(Asked::greeting);
  }

  void sent(Entry& entry) override;
  void received(Entry& entry, std::size_t end_octets) override;
  bool waits() const override { return state_ == State::commands && !outstanding_.empty(); }
  bool in_content() const override { return state_ != State::commands; }
  bool next_is_secret() const override {
    return state_ == State::commands && sasl_.next_is_secret() && challenged_;
  }
  void restart() override {
    outstanding_.clear();
    state_ = State::commands;
    sasl_.end();
    challenged_ = false;
    recipients_ = 0;
    open_code_ = 0;
  }

 private:
  enum class State : unsigned char { commands, content, chunk };
  enum class Asked : unsigned char { greeting, command, sender, recipient, data, content, sasl };

  void sent_command(Entry& entry);
  void sent_auth(Entry& entry, const Word& verb);
  void sent_chunk(std::string_view size, std::string_view last);
  void answered(Asked asked, int code);
  void ask_for_content();

  Speech speech_;
  State state_ = State::commands;
  std::deque<Asked> outstanding_;
  SaslWatch sasl_;
  bool challenged_ = false;  // the next line is an answer to a challenge
  bool last_chunk_ = false;
  std::size_t recipients_ = 0;  // that LMTP answers for one by one
  std::size_t chunk_left_ = 0;
  int open_code_ = 0;  // of an answer whose last line has not come; 0: none
};

void CodeDialogue::sent(Entry& entry) {
  if (state_ == State::content) {
    if (entry.text != ".") return;
    state_ = State::commands;
    ask_for_content();
  } else if (state_ == State::chunk) {
    const auto size = entry.text.size() + 2;
    chunk_left_ -= std::min(chunk_left_, size);
    if (chunk_left_ == 0) state_ = State::commands;
  } else if (challenged_) {
    challenged_ = false;
    sasl_.mark_answer(entry, 0);
    outstanding_.push_back(Asked::sasl);
  } else {
    sent_command(entry);
  }
}

/// LMTP answers once for each recipient that it took (RFC 2033 s. 4.2).
void CodeDialogue::ask_for_content() {
  const auto answers = speech_ == Speech::lmtp ? recipients_ : 1;
  for (std::size_t i = 0; i < answers; ++i) outstanding_.push_back(Asked::content);
  recipients_ = 0;
}

void CodeDialogue::sent_command(Entry& entry) {
  const auto verb = word_at(entry.text, 0);
  if (speech_ == Speech::ftp) {
    if (same_word(verb.text, "PASS") || same_word(verb.text, "ACCT")) entry.secret_from = behind(verb) + 1;
    outstanding_.push_back(Asked::command);
    return;
  }
  if (same_word(verb.text, "BDAT")) {
    const auto size = word_at(entry.text, behind(verb));
    sent_chunk(size.text, word_at(entry.text, behind(size)).text);
  } else if (same_word(verb.text, "DATA")) {
    outstanding_.push_back(Asked::data);
  } else if (same_word(verb.text, "MAIL") || same_word(verb.text, "RSET")) {
    outstanding_.push_back(Asked::sender);
  } else if (same_word(verb.text, "RCPT")) {
    outstanding_.push_back(Asked::recipient);
  } else if (same_word(verb.text, "AUTH")) {
    sent_auth(entry, verb);
  } else {
    outstanding_.push_back(Asked::command);
  }
}

/// RFC 3030 s. 2: the octets follow at once, and there is one answer to both.
void CodeDialogue::sent_chunk(std::string_view size, std::string_view last) {
  last_chunk_ = same_word(last, "LAST");
  if (speech_ == Speech::lmtp && last_chunk_) {
    ask_for_content();
  } else {
    outstanding_.push_back(Asked::command);
  }
  const auto* end = size.data() + size.size();
  std::size_t octets = 0;
  const auto [stop, code] = std::from_chars(size.data(), end, octets);
  if (code != std::errc{} || stop != end || octets == 0) return;
  chunk_left_ = octets;
  state_ = State::chunk;
}

void CodeDialogue::sent_auth(Entry& entry, const Word& verb) {
  const auto mechanism = word_at(entry.text, behind(verb));
  sasl_.begin(mechanism.text);
  if (const auto initial = word_at(entry.text, behind(mechanism)); !initial.text.empty())
    sasl_.mark_answer(entry, initial.at);
  outstanding_.push_back(Asked::sasl);
}

void CodeDialogue::received(Entry& entry, std::size_t) {
  add_line(entry.text);
  const auto line = read_code(entry.text);
  // Lines within an FTP answer need no code of their own.
  if (open_code_ != 0 && speech_ == Speech::ftp && (line.code != open_code_ || line.more)) return;
  entry.unexpected = line.code >= 400 || line.code == 0;
  const bool sasl = !outstanding_.empty() && outstanding_.front() == Asked::sasl;
  if (sasl && line.code == 334) sasl_.mark_challenge(entry, 4);
  if (line.more) {
    open_code_ = line.code;
    return;
  }
  open_code_ = 0;
  // A mark that the answer proper is still to come.
  const bool preliminary = speech_ == Speech::ftp && line.code >= 100 && line.code < 200;
  if (!preliminary && line.code != 0 && !outstanding_.empty()) {
    const auto asked = outstanding_.front();
    outstanding_.pop_front();
    answered(asked, line.code);
  }
  if (!preliminary) complete(verdict_of(line.code), line.code);
}

void CodeDialogue::answered(Asked asked, int code) {
  switch (asked) {
    case Asked::sender:
      if (code < 300) recipients_ = 0;
      break;
    case Asked::recipient:
      if (code < 300) ++recipients_;
      break;
    case Asked::data:
      if (code == 354) state_ = State::content;
      break;
    case Asked::sasl:
      challenged_ = code == 334;
      if (!challenged_) sasl_.end();
      break;
    default:
      break;
  }
}

}  // namespace

std::unique_ptr<Dialogue> make_code_dialogue(Speech speech) { return std::make_unique<CodeDialogue>(speech); }

}  // namespace hikyaku::probe
