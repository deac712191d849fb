#include "policy/retention.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/escape.h"

namespace hikyaku::policy {
namespace {

std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const auto end = std::min(text.find_first_of(kBlanks), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Without a unit an age is none: nobody should find out by lost mail which one was meant.
std::optional<std::chrono::seconds> age_of(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::int64_t unit = 0;
  switch (text.back()) {
    case 's':
      unit = 1;
      break;
    case 'm':
      unit = 60;
      break;
    case 'h':
      unit = 3600;
      break;
    case 'd':
      unit = 86'400;
      break;
    case 'w':
      unit = 7 * 86'400;
      break;
    case 'y':
      unit = 365 * 86'400;
      break;
    default:
      return std::nullopt;
  }
  const auto value = number_of(text.substr(0, text.size() - 1));
  const auto most = static_cast<std::uint64_t>(std::chrono::seconds(RetentionRule::kLongest).count() / unit);
  if (!value || *value == 0 || *value > most) return std::nullopt;
  return std::chrono::seconds(static_cast<std::int64_t>(*value) * unit);
}

class RuleReader {
 public:
  Result<void> clause(std::string_view text) {
    const auto words = words_of(text);
    const auto shown = "\"" + escaped(text, 100) + "\": ";
    if (words.empty()) return fail(Fault::malformed, "a clause is empty");
    const auto verb = words.front();
    Result<void> done;
    if (verb == "expire" || verb == "most") {
      done = removal(words);
    } else if (verb == "retain") {
      const auto age = words.size() == 2 ? age_of(words[1]) : std::nullopt;
      done = age ? keep(age, false) : wrong("retain wants an age, such as 7y");
    } else if ((verb == "hold" || verb == "none") && words.size() > 1) {
      done = wrong(std::string(verb) + " stands alone");
    } else if (verb == "hold") {
      done = keep(std::chrono::seconds{0}, true);
    } else if (verb == "none") {
      done = nothing_is_removed();
      if (done) done = keep(std::chrono::seconds{0}, false);
    } else {
      done = wrong("no clause begins so: expire, most, retain, hold and none do");
    }
    if (!done) return fail(Fault::malformed, shown + done.error().text);
    return {};
  }
  RetentionRule take() { return std::move(rule_); }

 private:
  static std::unexpected<Error> wrong(std::string text) { return fail(Fault::malformed, std::move(text)); }

  Result<void> nothing_is_removed() {
    if (rule_.removals) return wrong("another clause says already what is removed");
    rule_.removals.emplace();
    closed_ = true;
    return {};
  }
  Result<void> keep(std::optional<std::chrono::seconds> age, bool hold) {
    if (rule_.retain) return wrong("another clause says already how long removed mail is kept");
    rule_.retain = age;
    rule_.hold = hold;
    return {};
  }
  Result<void> removal(const std::vector<std::string_view>& words) {
    Removal one;
    one.kind = words.front() == "most" ? Removal::Kind::most : Removal::Kind::expire;
    if (one.kind == Removal::Kind::expire && words.size() == 2 && words[1] == "never")
      return nothing_is_removed();
    if (one.kind == Removal::Kind::expire) {
      const auto age = words.size() > 1 ? age_of(words[1]) : std::nullopt;
      if (!age) return wrong("expire wants an age, such as 30d or 1y, or never");
      one.age = *age;
    } else {
      const auto most = words.size() > 1 ? number_of(words[1]) : std::nullopt;
      if (!most || *most == 0 || *most > RetentionRule::kMostMessages)
        return wrong("most wants a number of messages from 1 to " +
                     std::to_string(RetentionRule::kMostMessages));
      one.most = *most;
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (i > 0) one.text += ' ';
      one.text += words[i];
      if (i < 2) continue;
      auto& condition = words[i] == "seen" ? one.seen_only : one.flagged_too;
      if ((words[i] != "seen" && words[i] != "flagged") || condition)
        return wrong("after it may stand seen and flagged, each once");
      condition = true;
    }
    if (closed_) return wrong("another clause says already what is removed");
    if (!rule_.removals) rule_.removals.emplace();
    auto& all = *rule_.removals;
    if (one.kind == Removal::Kind::most &&
        std::ranges::find(all, Removal::Kind::most, &Removal::kind) != all.end())
      return wrong("there is another most");
    all.push_back(std::move(one));
    return {};
  }

  RetentionRule rule_;
  bool closed_ = false;  // nothing is removed: no clause may say otherwise
};

std::string text_of(Unmet one, const Removal& removal, const RetentionFacts& facts) {
  switch (one) {
    case Unmet::nothing:
      break;
    case Unmet::too_young: {
      const auto came = "came " + iso_text(facts.received) + ", too young";
      if (facts.received > Time::max() - removal.age) return came;
      return came + " until " + iso_text(facts.received + removal.age);
    }
    case Unmet::among_newest:
      return "is among the newest " + std::to_string(removal.most);
    case Unmet::unseen:
      return "was not read yet";
    case Unmet::flagged:
      return "is flagged";
  }
  return {};
}

}  // namespace

Result<RetentionRule> RetentionRule::parse(std::string_view value) {
  RuleReader reader;
  std::size_t clauses = 0;
  for (bool more = true; more;) {
    if (++clauses > kMostClauses)
      return fail(Fault::malformed, "more than " + std::to_string(kMostClauses) + " clauses");
    const auto comma = value.find(',');
    if (auto done = reader.clause(value.substr(0, comma)); !done)
      return std::unexpected(std::move(done.error()));
    more = comma != std::string_view::npos;
    if (more) value.remove_prefix(comma + 1);
  }
  return reader.take();
}

std::vector<RetentionKey> retention_keys(std::string_view account, std::string_view folder) {
  std::vector<RetentionKey> keys;
  const auto with_folders = [&](std::string_view before) {
    for (auto part = folder.empty() ? std::string_view("INBOX") : folder;;) {
      keys.push_back({std::string(before) + '/' + std::string(part)});
      const auto slash = part.rfind('/');
      if (slash == std::string_view::npos) return;
      part = part.substr(0, slash);
    }
  };
  const auto at = account.rfind('@');
  const auto domain = at == std::string_view::npos ? std::string_view() : account.substr(at);
  with_folders(account);
  keys.push_back({std::string(account)});
  (folder.empty() ? keys.back() : keys.front()).part = table::KeyPart::whole;
  if (!domain.empty()) with_folders(domain);
  with_folders("");
  if (!domain.empty()) keys.push_back({std::string(domain)});
  keys.push_back({"*"});
  return keys;
}

std::optional<Time> Retention::purge_before(std::chrono::seconds lifetime, Time now) const {
  if (hold) return std::nullopt;
  return now - std::max(lifetime, retain);
}

std::string RetentionMaps::place(const Retention::Source& source) const {
  return sources_ ? sources_->text(source.origin) : "line " + std::to_string(source.origin.line);
}

Result<Retention> RetentionMaps::find(std::string_view account, std::string_view folder,
                                      KeyTrail* trail) const {
  Retention found;
  if (maps_.empty()) return found;
  for (const auto& [key, part] : retention_keys(account, folder)) {
    auto answer = maps_.find(key, trail, part);
    if (!answer) return std::unexpected(std::move(answer.error()));
    if (!*answer) continue;
    const Retention::Source source{key, (*answer)->value, (*answer)->origin};
    auto rule = RetentionRule::parse(source.value);
    if (!rule) {
      return fail(Fault::malformed,
                  place(source) + ": the value of " + escaped(key, 200) + ": " + rule.error().text);
    }
    if (rule->removals && !found.removal_source) {
      found.removals = std::move(*rule->removals);
      found.removal_source = source;
    }
    if (rule->retain && !found.retain_source) {
      found.retain = *rule->retain;
      found.hold = rule->hold;
      found.retain_source = source;
    }
    if (found.removal_source && found.retain_source) break;
  }
  return found;
}

Unmet unmet(const Removal& removal, const RetentionFacts& facts, Time now) {
  if (removal.kind == Removal::Kind::expire && facts.received > now - removal.age) return Unmet::too_young;
  if (removal.kind == Removal::Kind::most && facts.among_newest) return Unmet::among_newest;
  if (removal.seen_only && !facts.seen) return Unmet::unseen;
  if (!removal.flagged_too && facts.flagged) return Unmet::flagged;
  return Unmet::nothing;
}

const Removal* decide(const std::vector<Removal>& removals, const RetentionFacts& facts, Time now) {
  const auto by = std::ranges::find_if(
      removals, [&](const Removal& removal) { return unmet(removal, facts, now) == Unmet::nothing; });
  return by == removals.end() ? nullptr : &*by;
}

std::string why_kept(const std::vector<Removal>& removals, const RetentionFacts& facts, Time now) {
  std::string text;
  for (const auto& removal : removals) {
    if (!text.empty()) text += "; ";
    text += removal.text + ": " + text_of(unmet(removal, facts, now), removal, facts);
  }
  return text;
}

std::optional<Time> falls_due(const std::vector<Removal>& removals, const RetentionFacts& facts) {
  std::optional<Time> first;
  for (const auto& removal : removals) {
    if (removal.kind != Removal::Kind::expire || facts.received > Time::max() - removal.age) continue;
    const auto due = facts.received + removal.age;
    if (unmet(removal, facts, due) == Unmet::nothing && (!first || due < *first)) first = due;
  }
  return first;
}

}  // namespace hikyaku::policy
