#include "base/base64_stream.h"

#include <algorithm>
#include <utility>

#include "base/base64_tables.h"

namespace hikyaku {
namespace {

constexpr std::string_view characters(Base64Format::LineEnd end) {
  return end == Base64Format::LineEnd::lf ? "\n" : "\r\n";
}

const std::uint8_t* octets_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

/// Lets `write` have `room` characters and the kernels' overrun behind `out`; it gives how many it wrote.
template <typename Write>
void append(std::string& out, std::size_t room, Write write) {
  const auto before = out.size();
  out.resize_and_overwrite(before + room + Base64Kernel::kOverrun,
                           [&](char* start, std::size_t) { return before + write(start + before); });
}

std::unexpected<Base64Fault> fault(Base64Fault::Kind kind, std::uint64_t offset) {
  return std::unexpected(Base64Fault{kind, offset});
}

}  // namespace

Base64Encoder::Base64Encoder(const Base64Format& format, const Base64Kernel& kernel)
    : format_(format),
      kernel_(kernel),
      line_end_(format.line_length == 0 ? std::string_view() : characters(format.line_end)) {}

void Base64Encoder::feed(std::string_view octets, std::string& out) {
  while (waiting_count_ != 0 && waiting_count_ < 3 && !octets.empty()) {
    waiting_[waiting_count_++] = static_cast<std::uint8_t>(octets.front());
    octets.remove_prefix(1);
  }
  if (waiting_count_ == 3) {
    put_group(out);
    waiting_count_ = 0;
  }
  octets.remove_prefix(put_groups(octets, out));
  for (const char c : octets) waiting_[waiting_count_++] = static_cast<std::uint8_t>(c);
}

void Base64Encoder::end(std::string& out) {
  if (waiting_count_ != 0) put_group(out);
  if (column_ != 0) out += line_end_;
  waiting_count_ = column_ = 0;
}

void Base64Encoder::put_group(std::string& out) {
  std::fill(waiting_.begin() + static_cast<std::ptrdiff_t>(waiting_count_), waiting_.end(), std::uint8_t{0});
  std::array<char, 4 + Base64Kernel::kOverrun> made;
  kernel_.encode(waiting_.data(), 1, {1, {}, format_.alphabet}, made.data());
  const auto digits = waiting_count_ + 1;
  std::fill(made.begin() + static_cast<std::ptrdiff_t>(digits), made.begin() + 4, '=');
  put(out, {made.data(), format_.padding == Base64Format::Padding::written ? 4 : digits});
}

void Base64Encoder::put(std::string& out, std::string_view letters) {
  while (format_.line_length != 0 && letters.size() >= format_.line_length - column_) {
    out += letters.substr(0, format_.line_length - column_);
    out += line_end_;
    letters.remove_prefix(format_.line_length - column_);
    column_ = 0;
  }
  out += letters;
  if (format_.line_length != 0) column_ += letters.size();
}

std::size_t Base64Encoder::put_groups(std::string_view octets, std::string& out) {
  const auto groups = octets.size() / 3;
  if (format_.line_length == 0) {
    put_lines(octets_of(octets), 1, groups, {}, out);
  } else if (format_.line_length % 4 == 0 && column_ % 4 == 0) {
    put_even_lines(octets_of(octets), groups, out);
  } else {
    put_uneven_lines(octets_of(octets), groups, out);
  }
  return groups * 3;
}

void Base64Encoder::put_lines(const std::uint8_t* octets, std::size_t count, std::size_t groups,
                              std::string_view line_end, std::string& out) {
  const auto size = count * (groups * 4 + line_end.size());
  append(out, size, [&](char* start) {
    kernel_.encode(octets, count, {groups, line_end, format_.alphabet}, start);
    return size;
  });
}

/// No group stands in two lines: the rest of this one, whole ones, and the beginning of the next.
void Base64Encoder::put_even_lines(const std::uint8_t* octets, std::size_t groups, std::string& out) {
  const auto a_line = format_.line_length / 4;
  const auto put_now = [&](std::size_t lines, std::size_t groups_each, std::string_view line_end) {
    put_lines(octets, lines, groups_each, line_end, out);
    octets += lines * groups_each * 3;
    groups -= lines * groups_each;
  };
  if (column_ != 0) {
    const auto missing = a_line - column_ / 4;
    if (groups < missing) {
      column_ += groups * 4;
      return put_now(1, groups, {});
    }
    put_now(1, missing, line_end_);
  }
  put_now(groups / a_line, a_line, line_end_);
  column_ = groups * 4;
  put_now(1, groups, {});
}

void Base64Encoder::put_uneven_lines(const std::uint8_t* octets, std::size_t groups, std::string& out) {
  constexpr std::size_t kGroups = 1024;
  std::array<char, kGroups * 4 + Base64Kernel::kOverrun> letters;
  while (groups != 0) {
    const auto now = std::min(groups, kGroups);
    kernel_.encode(octets, 1, {now, {}, format_.alphabet}, letters.data());
    put(out, {letters.data(), now * 4});
    octets += now * 3;
    groups -= now;
  }
}

std::string_view text(Base64Fault::Kind kind) {
  switch (kind) {
    case Base64Fault::Kind::alien:
      return "is not of the alphabet";
    case Base64Fault::Kind::padding:
      return "stands where no padding may";
    case Base64Fault::Kind::unused_bits:
      return "carries bits that belong to no octet: the text was cut or changed";
    case Base64Fault::Kind::incomplete:
      return "comes before the group is whole: octets are missing";
  }
  return "";
}

Base64Decoder::Base64Decoder(const Base64Rules& rules, const Base64Kernel& kernel)
    : rules_(rules), kernel_(kernel) {}

void Base64Decoder::reset() { *this = Base64Decoder(rules_, kernel_); }

std::expected<void, Base64Fault> Base64Decoder::feed(std::string_view text, std::string& out) {
  while (!text.empty()) {
    if (digits_ == 0 && !padding_owed_ && !carriage_return_ && !padded_) {
      std::size_t read = 0;
      append(out, text.size() / 4 * 3, [&](char* start) {
        const auto run =
            kernel_.decode(text.data(), text.size(), rules_.alphabet, reinterpret_cast<std::uint8_t*>(start));
        read = run.read;
        return run.written;
      });
      text.remove_prefix(read);
      offset_ += read;
      if (text.empty()) break;
    }
    if (const auto taken = take(text.front(), out); !taken) return taken;
    text.remove_prefix(1);
    ++offset_;
  }
  return {};
}

std::expected<void, Base64Fault> Base64Decoder::end(std::string& out) {
  if (carriage_return_) {
    if (const auto lone = pass_over(offset_ - 1); !lone) return lone;
  }
  if (const auto whole = end_padding(); !whole) return whole;
  if (digits_ == 1) return fault(Base64Fault::Kind::incomplete, offset_);
  if (digits_ != 0) return end_piece(out);
  return {};
}

std::expected<void, Base64Fault> Base64Decoder::take(char c, std::string& out) {
  if (std::exchange(carriage_return_, false) && c != '\n') {
    if (const auto lone = pass_over(offset_ - 1); !lone) return lone;
  }
  if (c == '\n') return {};
  if (c == '\r') {
    carriage_return_ = true;
    return {};
  }
  if (c == '=') return take_padding(out);
  const auto digit = base64_tables(rules_.alphabet).digits[static_cast<unsigned char>(c)];
  if (digit == Base64Tables::kNoDigit) return pass_over(offset_);
  if (const auto whole = end_padding(); !whole) return whole;
  if (std::exchange(padded_, false)) note(joined_, offset_);
  bits_ = bits_ << 6 | digit;
  last_digit_ = offset_;
  if (++digits_ == 4) put_octets(out, 3);
  return {};
}

std::expected<void, Base64Fault> Base64Decoder::take_padding(std::string& out) {
  if (std::exchange(padding_owed_, false)) return {};
  if (digits_ == 0 && rules_.garbage == Base64Rules::Garbage::ignored) return pass_over(offset_);
  if (digits_ < 2) return fault(Base64Fault::Kind::padding, offset_);
  padding_owed_ = digits_ == 2;
  padded_ = true;
  return end_piece(out);
}

/// No "=" can follow any more.
std::expected<void, Base64Fault> Base64Decoder::end_padding() {
  if (!std::exchange(padding_owed_, false)) return {};
  if (rules_.garbage == Base64Rules::Garbage::refused) return fault(Base64Fault::Kind::incomplete, offset_);
  note(half_padded_, offset_);
  return {};
}

std::expected<void, Base64Fault> Base64Decoder::end_piece(std::string& out) {
  const auto unused = (4 - digits_) * 2;
  if ((bits_ & ((1U << unused) - 1)) != 0) {
    if (rules_.garbage == Base64Rules::Garbage::refused) {
      return fault(Base64Fault::Kind::unused_bits, last_digit_);
    }
    note(unused_bits_, last_digit_);
  }
  const auto octets = digits_ - 1;
  bits_ <<= 6 * (4 - digits_);
  put_octets(out, octets);
  return {};
}

void Base64Decoder::put_octets(std::string& out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out += static_cast<char>(static_cast<unsigned char>(bits_ >> (16 - 8 * i) & 255));
  }
  bits_ = 0;
  digits_ = 0;
}

void Base64Decoder::note(Found& found, std::uint64_t offset) {
  if (found.count++ == 0) found.first = offset;
}

std::expected<void, Base64Fault> Base64Decoder::pass_over(std::uint64_t offset) {
  if (rules_.garbage == Base64Rules::Garbage::refused) return fault(Base64Fault::Kind::alien, offset);
  if (ignored_++ == 0) first_ignored_ = offset;
  return {};
}

}  // namespace hikyaku
