#include <algorithm>

#include "probe/dialogue.h"
#include "probe/sasl_watch.h"
#include "probe/words.h"

namespace hikyaku::probe {
namespace {

using Verdict = Answer::Verdict;

/// ManageSieve (RFC 5804): answers end with OK, NO or BYE; literals both ways, the client's never wait.
class SieveDialogue final : public Dialogue {
 public:
  void sent(Entry& entry) override;
  void received(Entry& entry, std::size_t end_octets) override;
  bool waits() const override { return !in_literal_ && outstanding_ > 0; }
  bool in_content() const override { return in_literal_; }
  bool next_is_secret() const override { return challenged_ && sasl_.next_is_secret(); }
  void restart() override {
    outstanding_ = 1;  // its capabilities, once more
    in_literal_ = challenged_ = false;
    server_left_ = 0;
    sasl_.end();
  }

 private:
  void expect_more(std::string_view text);
  bool within_literal(Entry& entry, std::size_t end_octets);
  void challenge(Entry& entry, std::size_t from, std::size_t behind);

  SaslWatch sasl_;
  std::size_t outstanding_ = 1;  // the greeting
  bool in_literal_ = false;      // the client's next line belongs to a literal, or goes on behind it
  bool challenged_ = false;      // the next line is an answer to a challenge
  std::size_t literal_left_ = 0, server_left_ = 0;
};

void SieveDialogue::sent(Entry& entry) {
  const auto size = entry.text.size();
  if (in_literal_) {
    if (sasl_.active()) sasl_.mark_answer(entry, 0);
    if (literal_left_ > size) {
      literal_left_ -= std::min(literal_left_, size + 2);
      return;
    }
    const auto from = std::exchange(literal_left_, 0);
    in_literal_ = false;
    expect_more(std::string_view(entry.text).substr(from));
    return;
  }
  if (challenged_) {
    challenged_ = false;
    if (entry.text.starts_with('"')) sasl_.mark_answer(entry, 1, 1);
    ++outstanding_;
    expect_more(entry.text);
    return;
  }
  const auto verb = word_at(entry.text, 0);
  if (same_word(verb.text, "AUTHENTICATE")) {
    const auto mechanism = word_at(entry.text, behind(verb));
    sasl_.begin(unquoted(mechanism.text));
    const auto initial = word_at(entry.text, behind(mechanism));
    if (initial.text.starts_with('"')) sasl_.mark_answer(entry, initial.at + 1, 1);
  }
  ++outstanding_;
  expect_more(entry.text);
}

void SieveDialogue::expect_more(std::string_view text) {
  const auto literal = literal_at_end(text);
  if (!literal) return;
  literal_left_ = literal->size;
  in_literal_ = true;
}

bool SieveDialogue::within_literal(Entry& entry, std::size_t end_octets) {
  if (server_left_ == 0) return false;
  const auto size = entry.text.size();
  const bool all = server_left_ > size;
  if (sasl_.active() && server_left_ == size) {
    challenge(entry, 0, 0);
  } else if (!all) {
    if (const auto next = literal_at_end(std::string_view(entry.text).substr(server_left_)))
      server_left_ = next->size + size + end_octets;
  }
  server_left_ = all || server_left_ > size ? server_left_ - std::min(server_left_, size + end_octets) : 0;
  return true;
}

void SieveDialogue::challenge(Entry& entry, std::size_t from, std::size_t behind) {
  sasl_.mark_challenge(entry, from, behind);
  challenged_ = true;
  if (outstanding_ > 0) --outstanding_;
  complete(Verdict::more);
}

void SieveDialogue::received(Entry& entry, std::size_t end_octets) {
  add_line(entry.text);
  if (within_literal(entry, end_octets)) return;
  const auto status = word_at(entry.text, 0).text;
  const auto literal = literal_at_end(entry.text);
  if (literal) server_left_ = literal->size;
  const bool good = same_word(status, "OK");
  const bool denied = same_word(status, "NO") || same_word(status, "BYE");
  entry.unexpected = denied;
  if (good || denied) {
    if (outstanding_ > 0) --outstanding_;
    sasl_.end();
    // The text of the answer is a literal: its end is told by the lines that follow, which nobody waits for.
    complete(good ? Verdict::good : Verdict::refused);
    return;
  }
  if (!sasl_.active() || !entry.text.starts_with('"')) return;
  challenge(entry, 1, 1);
}

}  // namespace

std::unique_ptr<Dialogue> make_sieve_dialogue() { return std::make_unique<SieveDialogue>(); }

}  // namespace hikyaku::probe
