#include "greylist/cron.h"

#include <charconv>
#include <optional>

namespace hikyaku::greylist {
namespace {

struct Field {
  std::string_view name;
  unsigned first, last;
};
constexpr std::array<Field, 5> kFields = {{{"minute", 0, 59},
                                           {"hour", 0, 23},
                                           {"day of the month", 1, 31},
                                           {"month", 1, 12},
                                           {"day of the week", 0, 7}}};  // 7 is Sunday too

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  std::size_t at() const { return at_; }
  bool ended() const { return at_ == text_.size(); }
  void skip_blanks() {
    while (!ended() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool blank() const { return ended() || text_[at_] == ' ' || text_[at_] == '\t'; }
  bool take(char wanted) {
    if (ended() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  std::optional<unsigned> number() {
    unsigned value = 0;
    const auto* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc()) return std::nullopt;
    at_ += static_cast<std::size_t>(end - begin);
    return value;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

Result<void> wrong(const Field& field, std::string_view what) {
  std::string text("in the ");
  return fail(Fault::malformed, text.append(field.name).append(": ").append(what));
}

/// One of the parts between commas.
Result<void> read_part(Reader& reader, const Field& field, std::uint64_t& bits) {
  unsigned first = field.first, last = field.name == kFields[4].name ? 6 : field.last, step = 1;
  if (!reader.take('*')) {
    const auto from = reader.number();
    if (!from) return wrong(field, "a number or \"*\" is missing");
    first = last = *from;
    if (reader.take('-')) {
      const auto to = reader.number();
      if (!to) return wrong(field, "the end of a range is missing");
      last = *to;
    }
    if (first < field.first || last > field.last)
      return wrong(field, "it is from " + std::to_string(field.first) + " to " + std::to_string(field.last));
    if (first > last) return wrong(field, "the range ends before it begins");
  }
  if (reader.take('/')) {
    const auto every = reader.number();
    if (!every || *every == 0) return wrong(field, "a number from 1 is missing after \"/\"");
    step = *every;
  }
  // The step is added to a larger type: one near the limit of unsigned would come round.
  for (std::uint64_t value = first; value <= last; value += step) bits |= std::uint64_t{1} << value;
  return {};
}

Result<void> read_field(Reader& reader, const Field& field, std::uint64_t& bits) {
  reader.skip_blanks();
  do {
    if (auto read = read_part(reader, field, bits); !read) return read;
  } while (reader.take(','));
  if (!reader.blank()) return wrong(field, "\",\" or a space is missing");
  return {};
}

bool has(std::uint64_t bits, unsigned value) { return value < 64 && (bits >> value & 1) != 0; }

std::string text_of(const Field& field, std::uint64_t bits) {
  // Sunday is 0 once all is read.
  const unsigned last = field.last == 7 ? 6 : field.last;
  std::string values;
  bool always = true;
  for (unsigned value = field.first; value <= last; ++value) {
    if (has(bits, value)) {
      values.append(values.empty() ? "" : ",").append(std::to_string(value));
    } else {
      always = false;
    }
  }
  return always ? "*" : values;
}

}  // namespace

Result<CronTimes> CronTimes::parse(std::string_view text, std::size_t& place) {
  CronTimes times;
  Reader reader(text);
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    if (auto read = read_field(reader, kFields[i], times.fields_[i]); !read) {
      place = reader.at();
      return std::unexpected(read.error());
    }
  }
  reader.skip_blanks();
  if (!reader.ended()) {
    place = reader.at();
    return fail(Fault::malformed, "five fields are enough: minute, hour, day, month, day of the week");
  }
  auto& days = times.fields_[4];
  if (has(days, 7)) days |= 1;
  days &= 0x7f;
  return times;
}

bool CronTimes::contains(const CronMoment& moment) const {
  const std::array<unsigned, 5> values = {moment.minute, moment.hour, moment.month_day, moment.month,
                                          moment.week_day};
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!has(fields_[i], values[i])) return false;
  return true;
}

std::string CronTimes::text() const {
  std::string out;
  for (std::size_t i = 0; i < fields_.size(); ++i)
    out.append(out.empty() ? "" : " ").append(text_of(kFields[i], fields_[i]));
  return out;
}

}  // namespace hikyaku::greylist
