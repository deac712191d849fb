#include "greylist/dump_file.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <utility>

#include "base/escape.h"
#include "table/fold.h"
#include "table/ip.h"

namespace hikyaku::greylist {
namespace {

// A Time, in microseconds, can still hold it.
constexpr std::int64_t kMostSeconds = std::numeric_limits<std::int64_t>::max() / 1'000'000;
constexpr std::size_t kShown = 40;  // octets of a word in a message

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::optional<std::chrono::seconds> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > kMostSeconds) {
    return std::nullopt;
  }
  return std::chrono::seconds(value);
}

/// The words of one line, each with its column.
class Words {
 public:
  explicit Words(std::string_view line) : line_(line) {}
  /// Empty at the end, or where a comment begins.
  std::string_view next() {
    while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
    column_ = at_ + 1;
    if (at_ == line_.size() || line_[at_] == '#') return {};
    const auto begin = at_;
    while (at_ < line_.size() && !is_blank(line_[at_])) ++at_;
    return line_.substr(begin, at_ - begin);
  }
  std::size_t column() const { return column_; }

 private:
  std::string_view line_;
  std::size_t at_ = 0, column_ = 1;
};

}  // namespace

void DumpReader::feed(std::string_view octets) {
  input_.erase(0, std::exchange(taken_, 0));
  input_ += octets;
}

DumpReader::Event DumpReader::problem(std::size_t column, std::string text, bool taken) {
  ++problems_;
  return Problem{line_, column, std::move(text), taken};
}

DumpReader::Event DumpReader::read(std::string_view line) {
  Words words(line);
  const auto address = words.next();
  if (address.empty()) return NeedBytes{};
  const auto ip = table::Ip::parse(address);
  if (!ip) return problem(words.column(), escaped(address, kShown) + " is no IP address");
  Entry read;
  read.entry.address = ip->text();
  for (auto* field : {&read.entry.sender, &read.entry.recipient}) {
    const auto text = words.next();
    if (text.empty()) return problem(words.column(), "an address is missing");
    *field = tuple_recipient(text);  // already without what leads to its last '='
  }
  auto& facts = read.entry.facts;
  const auto time_text = words.next();
  if (time_text.empty()) return problem(words.column(), "the time is missing");
  const auto time = number(time_text);
  if (!time) return problem(words.column(), escaped(time_text, kShown) + " is no time in seconds since 1970");
  facts.time = Seconds(*time);
  auto rest = words.next();
  const auto column = words.column();
  if (table::ascii_lower(rest) == "auto") {
    facts.state = TupleState::autowhite;
    rest = words.next();
  } else if (const auto tarpit = number(rest)) {
    if (table::ascii_lower(words.next()) != "tarpit") {
      return problem(column, "a second number is not followed by TARPIT");
    }
    facts.state = TupleState::tarpit;
    facts.tarpit = *tarpit;
    rest = words.next();
  }
  ++entries_;
  if (rest.empty()) return read;
  held_ = std::move(read);
  return problem(words.column(), escaped(rest, kShown) + " behind the entry is not understood", true);
}

std::optional<std::string_view> DumpReader::take_line() {
  for (;;) {
    const auto left = std::string_view(input_).substr(taken_);
    const auto end = left.find('\n');
    const bool skipped = skipping_;
    if (end != std::string_view::npos) {
      taken_ += end + 1;
      skipping_ = false;
      if (skipped) continue;
      return left.substr(0, end);
    }
    const bool too_long = skipped || left.size() > kLine;
    if (too_long || finished_) taken_ = input_.size();
    skipping_ = too_long && !finished_;
    const bool last = too_long || (finished_ && !left.empty());
    return last && !skipped ? std::optional(left) : std::nullopt;
  }
}

DumpReader::Event DumpReader::next() {
  if (held_) return *std::exchange(held_, std::nullopt);
  while (auto line = take_line()) {
    ++line_;
    if (line->size() > kLine) {
      return problem(kLine + 1, "the line is longer than " + std::to_string(kLine) + " octets");
    }
    if (line->ends_with('\r')) line->remove_suffix(1);
    auto event = read(*line);
    if (!std::holds_alternative<NeedBytes>(event)) return event;
  }
  if (finished_) return End{};
  return NeedBytes{};
}

std::string DumpWriter::date(Seconds time) const {
  const auto local = time + offset_(time);
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(local - day);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u %02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

std::string DumpWriter::header(std::string_view program, Seconds now) const {
  std::string text("#\n# milter-greylist databases, dumped by ");
  text.append(program).append(" on ").append(date(now));
  text +=
      ".\n# DO NOT EDIT while milter-greylist is running, changes will be overwritten.\n#\n"
      "\n\n#\n# stored tuples\n#\n"
      "# Sender IP\tSender e-mail\tRecipient e-mail\tTime accepted\tUnsuccessful shortest tarpit\n";
  return text;
}

std::string DumpWriter::line(const TupleEntry& entry) {
  const auto& facts = entry.facts;
  ++counts_[static_cast<std::size_t>(facts.state)];
  std::string text;
  text.append(entry.address).append("\t").append(entry.sender).append("\t").append(entry.recipient);
  text.append("\t").append(std::to_string(facts.time.time_since_epoch().count()));
  if (facts.state == TupleState::autowhite) text += " AUTO";
  if (facts.state == TupleState::tarpit) {
    text.append("\t").append(std::to_string(facts.tarpit.count())).append(" TARPIT");
  }
  if (dates_ == Dates::written) {
    text.append(" # ").append(date(facts.time));
  } else if (facts.state == TupleState::pending) {
    text += ' ';
  }
  return text += '\n';
}

std::string DumpWriter::summary() const {
  const auto count = [this](TupleState state) { return counts_[static_cast<std::size_t>(state)]; };
  const auto pending = count(TupleState::pending), autowhite = count(TupleState::autowhite),
             tarpit = count(TupleState::tarpit);
  return "#\n# Summary: " + std::to_string(pending + autowhite + tarpit) + " records, " +
         std::to_string(pending) + " greylisted, " + std::to_string(autowhite) + " whitelisted, " +
         std::to_string(tarpit) + " tarpitted\n#\n";
}

}  // namespace hikyaku::greylist
