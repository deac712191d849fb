#include <deque>

#include "probe/dialogue.h"
#include "probe/sasl_watch.h"
#include "probe/words.h"

namespace hikyaku::probe {
namespace {

using Verdict = Answer::Verdict;

/// RFC 1939, RFC 2449, RFC 5034.
class Pop3Dialogue final : public Dialogue {
 public:
  Pop3Dialogue() { outstanding_.push_back(Asked::line); }

  void sent(Entry& entry) override {
    if (challenged_) {
      challenged_ = false;
      sasl_.mark_answer(entry, 0);
      outstanding_.push_back(Asked::sasl);
      return;
    }
    outstanding_.push_back(asked(entry));
  }

  void received(Entry& entry, std::size_t) override {
    add_line(entry.text);
    if (in_list_) {
      if (entry.text != ".") return;
      in_list_ = false;
      outstanding_.pop_front();
      complete(Verdict::good);
      return;
    }
    const auto kind = outstanding_.empty() ? Asked::line : outstanding_.front();
    if (kind == Asked::sasl && (entry.text == "+" || entry.text.starts_with("+ "))) {
      sasl_.mark_challenge(entry, 2);
      challenged_ = true;
      outstanding_.pop_front();
      complete(Verdict::more);
      return;
    }
    const auto status = word_at(entry.text, 0).text;
    const bool good = same_word(status, "+OK");
    entry.unexpected = !good;
    in_list_ = good && kind == Asked::list;
    if (in_list_) return;
    if (kind == Asked::sasl) sasl_.end();
    const bool refused = same_word(status, "-ERR");
    if (!outstanding_.empty() && (good || refused)) outstanding_.pop_front();
    complete(good ? Verdict::good : refused ? Verdict::refused : Verdict::none);
  }

  bool waits() const override { return !outstanding_.empty(); }
  bool next_is_secret() const override { return challenged_ && sasl_.next_is_secret(); }
  void restart() override {
    outstanding_.clear();
    in_list_ = challenged_ = false;
    sasl_.end();
  }

 private:
  enum class Asked : unsigned char { line, list, sasl };

  Asked asked(Entry& entry) {
    const auto verb = word_at(entry.text, 0);
    const auto argument = word_at(entry.text, behind(verb));
    const auto is = [&](std::string_view name) { return same_word(verb.text, name); };
    if (is("PASS")) entry.secret_from = behind(verb) + 1;
    // The digest lets one guess the password.
    if (is("APOP")) entry.secret_from = behind(argument) + 1;
    if (is("CAPA") || is("RETR") || is("TOP")) return Asked::list;
    if (is("LIST") || is("UIDL")) return argument.text.empty() ? Asked::list : Asked::line;
    if (!is("AUTH")) return Asked::line;
    if (argument.text.empty()) return Asked::list;
    sasl_.begin(argument.text);
    if (const auto initial = word_at(entry.text, behind(argument)); !initial.text.empty())
      sasl_.mark_answer(entry, initial.at);
    return Asked::sasl;
  }

  std::deque<Asked> outstanding_;
  SaslWatch sasl_;
  bool in_list_ = false;     // until a line with a dot alone
  bool challenged_ = false;  // the next line is an answer to a challenge
};

}  // namespace

std::unique_ptr<Dialogue> make_pop3_dialogue() { return std::make_unique<Pop3Dialogue>(); }

}  // namespace hikyaku::probe
