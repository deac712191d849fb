#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "greylist/tuple.h"

namespace hikyaku::greylist {

/// Reads a dump file of milter-greylist (dumpfile in greylist.conf(5)):
///   IP<TAB>sender<TAB>recipient<TAB>time [AUTO] [# comment]
///   IP<TAB>sender<TAB>recipient<TAB>time<TAB>seconds TARPIT [# comment]
/// Any spaces and tabs part the fields, the words are read without case, lines without an entry are skipped,
/// and a CR at the end of a line is none. Pure; one line is kept. Not thread-safe.
///
/// Loop: feed() what was read; next() until NeedBytes; at the end of the file finish(), and next() until End.
///
/// As milter-greylist it goes on behind a line that it can't read, and takes an entry whose line goes on with
/// something else. It reads more: senders and recipients of any graphic characters, numbers as recipients,
/// and a last line without its end. milter-greylist writes some of them ("<a,b@x>", "<a@[192.0.2.1]>") and
/// then can't read them, nor times after 2038. An address of IPv4 in IPv6 is read as IPv4.
class DumpReader {
 public:
  static constexpr std::size_t kLine = 4096;  ///< octets; the rest of a longer line is skipped

  struct NeedBytes {};
  /// Its first and last encounter are not known. An address longer than kAddressLength is cut, as there.
  struct Entry {
    TupleEntry entry;
  };
  struct Problem {
    std::size_t line = 0, column = 0;  ///< from 1, in octets
    std::string text;
    bool taken = false;  ///< the entry of the line comes next; what follows it was not understood
  };
  struct End {};
  using Event = std::variant<NeedBytes, Entry, Problem, End>;

  void feed(std::string_view octets);
  void finish() { finished_ = true; }
  [[nodiscard]] Event next();

  std::size_t entries() const { return entries_; }
  std::size_t problems() const { return problems_; }

 private:
  /// Points into input_. One that is too long is longer than kLine, and not whole.
  std::optional<std::string_view> take_line();
  Event read(std::string_view line);
  Event problem(std::size_t column, std::string text, bool taken = false);

  std::string input_;
  std::size_t taken_ = 0;  // of input_
  std::size_t line_ = 0, entries_ = 0, problems_ = 0;
  std::optional<Entry> held_;  // behind a Problem
  bool skipping_ = false;      // the rest of a line that is too long
  bool finished_ = false;
};

/// Writes a dump file as milter-greylist 4.6.4 does, octet for octet: header(), line() of each entry in the
/// order of their arrival, without the expired ones, then summary().
class DumpWriter {
 public:
  /// How far the local time is ahead of UTC at a moment.
  using UtcOffset = std::function<std::chrono::seconds(Seconds)>;
  enum class Dates : unsigned char { written, left_out };  ///< left_out: dump_no_time_translation

  DumpWriter(UtcOffset offset, Dates dates) : offset_(std::move(offset)), dates_(dates) {}

  /// `program` is "milter-greylist-4.6.4" in a file of it.
  std::string header(std::string_view program, Seconds now) const;
  std::string line(const TupleEntry& entry);
  /// Of what line() has written.
  std::string summary() const;

 private:
  std::string date(Seconds time) const;

  UtcOffset offset_;
  Dates dates_;
  std::size_t counts_[4] = {};
};

}  // namespace hikyaku::greylist
