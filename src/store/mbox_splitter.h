#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "record/message_record.h"
#include "store/from_line.h"

namespace hikyaku::store {

/// Takes an mbox file (RFC 4155) apart into its messages, whatever program wrote it, in bounded memory. Pure.
/// Loop: feed() the next octets of the file, finish() after the last; next() until NeedBytes or Done.
///
/// The first message begins at the first line that FromLine can read, each other at one that stands behind an
/// empty line, which belongs to neither. A Content-Length is believed when such a line, or the end of the
/// file, is where it ends; then no line within is one. Line ends are LF or CRLF, and are given as they are.
/// What mail programs keep in the header about the message (Status, X-Status, X-Keywords, X-UID, X-IMAP,
/// X-IMAPbase, Content-Length, X-Mozilla-Status, X-Mozilla-Status2, X-Mozilla-Keys) becomes flags and
/// keywords and is taken out, when the header is not longer than kLongestHeader.
class MboxSplitter {
 public:
  static constexpr std::size_t kLongestHeader = std::size_t{256} << 10;

  enum class Quoting : unsigned char {
    mboxrd,  ///< a line of any number of '>' and "From " loses one '>'
    mboxo,   ///< only ">From " does
  };

  struct NeedBytes {};
  /// A message may end at this octet of the file: answer() with up to kAsked octets that stand there.
  struct AskEnd {
    std::uint64_t offset = 0;
  };
  struct Begin {
    std::uint64_t offset = 0;  ///< of its "From " line
    FromLine from;
    record::Flags flags;
    std::vector<std::string> keywords;  ///< any words
    bool folder_data = false;           ///< no mail, but what UW-IMAP keeps about the folder
  };
  /// The next octets of the message; they live until the next call.
  struct Body {
    std::string_view octets;
  };
  struct End {
    std::uint64_t offset = 0;  ///< behind it
  };
  /// Octets before the first message, which are none.
  struct PassedOver {
    std::uint64_t octets = 0;
  };
  struct Done {};
  using Event = std::variant<NeedBytes, AskEnd, Begin, Body, End, PassedOver, Done>;

  static constexpr std::size_t kAsked = FromLine::kLongest + 4;

  explicit MboxSplitter(Quoting quoting) : quoting_(quoting) {}
  void feed(std::string_view octets);
  void finish() { finished_ = true; }
  [[nodiscard]] Event next();
  /// Fewer octets than kAsked: the file ends there. nullopt would be no answer: when the file can't be read
  /// there, answer with "?".
  void answer(std::string_view octets);

 private:
  enum class State : unsigned char { outside, header, begun, asking, body, ended };
  struct Line {
    std::string_view octets;  // with its line end; at most kPiece of it
    bool begins = false;      // else it goes on with the line before
  };
  /// nullopt: more octets are needed, or, when finished, there is none.
  std::optional<Line> peek() const;
  void consume(const Line& line);
  std::optional<Event> step();
  std::optional<Event> outside();
  std::optional<Event> header();
  std::optional<Event> begun();
  std::optional<Event> body();
  Event end_of_header();
  void begin_message(const Line& line, FromLine from);
  std::optional<FromLine> separator(const Line& line) const;
  void put_unquoted(const Line& line, std::string& out) const;
  std::string take_meta(Begin& begin);

  const Quoting quoting_;
  State state_ = State::outside;
  bool finished_ = false;
  std::string buffer_;
  std::size_t at_ = 0;        // in buffer_: before it, all is consumed
  std::uint64_t offset_ = 0;  // of at_ in the file
  bool mid_line_ = false;     // at_ is within a line
  bool after_empty_ = true;   // the line before was empty, or there is none
  std::uint64_t passed_ = 0;  // octets outside
  std::uint64_t begin_ = 0;   // of this message
  FromLine from_;
  std::string header_;
  std::optional<std::uint64_t> length_;  // Content-Length
  std::uint64_t whole_until_ = 0;        // no message begins before
  std::string_view empty_line_;          // held back: it may stand before a message
  std::string out_;
};

}  // namespace hikyaku::store
