#include <algorithm>

#include "probe/dialogue.h"
#include "probe/sasl_watch.h"
#include "probe/words.h"

namespace hikyaku::probe {
namespace {

using Verdict = Answer::Verdict;

/// RFC 9051 (RFC 3501): tagged answers, continuation requests, literals both ways.
class ImapDialogue final : public Dialogue {
 public:
  void sent(Entry& entry) override;
  void received(Entry& entry, std::size_t end_octets) override;
  bool waits() const override {
    return !greeted_ || waits_for_leave_ || (turn_ == Turn::command && !tags_.empty());
  }
  bool in_content() const override { return turn_ == Turn::literal || turn_ == Turn::rest; }
  bool next_is_secret() const override { return turn_ == Turn::challenge && sasl_.next_is_secret(); }
  void restart() override {
    tags_.clear();
    turn_ = Turn::command;
    waits_for_leave_ = logs_in_ = idles_ = false;
    // Whoever was in between may have begun a literal, which would swallow the server's own answers.
    literal_left_ = server_left_ = 0;
    sasl_.end();
  }

 private:
  /// What the client's next line is.
  enum class Turn : unsigned char { command, literal, rest, challenge, idle };
  static constexpr std::size_t kMostTags = 1000;

  void sent_command(Entry& entry);
  void expect_more(std::string_view text);
  bool within_literal(const Entry& entry, std::size_t end_octets);
  void received_leave(Entry& entry);
  void received_status(Entry& entry, const Word& tag);

  std::vector<std::string> tags_;  // of commands without an answer
  SaslWatch sasl_;
  Turn turn_ = Turn::command;
  bool greeted_ = false;
  bool waits_for_leave_ = false;  // a "+ …" must come
  bool logs_in_ = false;          // what is under way is LOGIN: all that follows is a secret
  bool idles_ = false;            // what is under way is IDLE
  std::size_t literal_left_ = 0;  // of the client's literal
  std::size_t server_left_ = 0;   // of the server's
};

void ImapDialogue::sent(Entry& entry) {
  switch (turn_) {
    case Turn::command:
      sent_command(entry);
      return;
    case Turn::challenge:
      sasl_.mark_answer(entry, 0);
      turn_ = Turn::command;
      waits_for_leave_ = false;
      return;
    case Turn::idle:
      turn_ = Turn::command;
      return;
    case Turn::literal:
    case Turn::rest:
      break;
  }
  if (logs_in_) entry.secret_from = 0;
  const auto size = entry.text.size();
  if (turn_ == Turn::literal && literal_left_ > size) {  // the line end belongs to it
    literal_left_ -= std::min(literal_left_, size + 2);
    if (literal_left_ == 0) turn_ = Turn::rest;
    return;
  }
  const auto from = turn_ == Turn::literal ? literal_left_ : 0;
  literal_left_ = 0;
  turn_ = Turn::command;
  expect_more(std::string_view(entry.text).substr(from));
}

void ImapDialogue::sent_command(Entry& entry) {
  const auto tag = word_at(entry.text, 0);
  auto verb = word_at(entry.text, behind(tag));
  logs_in_ = same_word(verb.text, "LOGIN");
  idles_ = same_word(verb.text, "IDLE");
  if (tag.text.empty()) return;
  if (tags_.size() < kMostTags) tags_.emplace_back(tag.text);
  if (logs_in_) entry.secret_from = behind(word_at(entry.text, behind(verb))) + 1;
  if (same_word(verb.text, "AUTHENTICATE")) {
    const auto mechanism = word_at(entry.text, behind(verb));
    sasl_.begin(mechanism.text);
    if (const auto initial = word_at(entry.text, behind(mechanism)); !initial.text.empty())
      sasl_.mark_answer(entry, initial.at);
  }
  expect_more(entry.text);
}

/// A literal at the end of what was sent goes on with the next line, at once or with the server's leave.
void ImapDialogue::expect_more(std::string_view text) {
  const auto literal = literal_at_end(text);
  if (!literal) return;
  literal_left_ = literal->size;
  turn_ = literal->size == 0 ? Turn::rest : Turn::literal;
  waits_for_leave_ = literal->waits;
}

/// Counts a line of the server into its literal; true when all of it belongs there.
bool ImapDialogue::within_literal(const Entry& entry, std::size_t end_octets) {
  if (server_left_ == 0) return false;
  const auto size = entry.text.size();
  const bool all = server_left_ > size;
  const auto rest = all ? std::string_view{} : std::string_view(entry.text).substr(server_left_);
  server_left_ -= std::min(server_left_, size + end_octets);
  if (!all) server_left_ = 0;
  if (const auto next = literal_at_end(rest); !all && next) server_left_ = next->size;
  return true;
}

void ImapDialogue::received(Entry& entry, std::size_t end_octets) {
  add_line(entry.text);
  if (within_literal(entry, end_octets)) return;
  if (const auto literal = literal_at_end(entry.text)) server_left_ = literal->size;
  const auto tag = word_at(entry.text, 0);
  if (tag.text == "+") {
    received_leave(entry);
    return;
  }
  received_status(entry, tag);
}

void ImapDialogue::received_leave(Entry& entry) {
  if (sasl_.active()) {
    sasl_.mark_challenge(entry, 2);
    turn_ = Turn::challenge;
  } else if (idles_) {
    turn_ = Turn::idle;
  }
  waits_for_leave_ = false;
  complete(Verdict::more);
}

void ImapDialogue::received_status(Entry& entry, const Word& tag) {
  const auto status = word_at(entry.text, behind(tag)).text;
  const auto is = [&](std::string_view name) { return same_word(status, name); };
  const bool denied = is("NO") || is("BAD") || is("BYE");
  entry.unexpected = denied;
  if (tag.text == "*") {
    if (greeted_) return;
    greeted_ = true;
    complete(denied ? Verdict::refused : is("OK") || is("PREAUTH") ? Verdict::good : Verdict::none);
    return;
  }
  const auto found = std::ranges::find(tags_, tag.text);
  if (found == tags_.end()) {
    if (!greeted_) complete(Verdict::none);
    greeted_ = true;
    return;
  }
  tags_.erase(found);
  // What was under way is over: a literal that the server did not want is not sent.
  turn_ = Turn::command;
  waits_for_leave_ = logs_in_ = idles_ = false;
  literal_left_ = 0;
  sasl_.end();
  complete(is("OK") ? Verdict::good : denied ? Verdict::refused : Verdict::none);
}

}  // namespace

std::unique_ptr<Dialogue> make_imap_dialogue() { return std::make_unique<ImapDialogue>(); }

}  // namespace hikyaku::probe
