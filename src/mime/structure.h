#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mime/content_field.h"

namespace hikyaku::mime {

/// One entity of a message: the message itself, a part of a multipart, or a message within (RFC 2045 s. 2.4).
struct Part {
  enum class Kind : unsigned char {
    leaf,       ///< its body is content
    multipart,  ///< its body is preamble, parts and epilogue
    message,    ///< its body is one message, which is its only child
  };
  Kind kind = Kind::leaf;
  /// As IMAP counts (RFC 9051 s. 6.4.5.1): "1", "2.1". A multipart that is a whole message is "0", or "2.0"
  /// when that message is the part 2.
  std::string number;
  std::size_t depth = 0;  ///< 0: the message itself
  std::string header;     ///< its header section with its folds and line ends, without the empty line
  std::string separator;  ///< the line end of the empty line; empty: there was none
  ContentHeader content;
  std::string
      type;  ///< "text/plain": what its Content-Type says, or the default (RFC 2046 s. 5.1.5 for digests)
  std::string boundary;                              ///< of a multipart
  std::uint64_t header_offset = 0, body_offset = 0;  ///< octets from the begin of the input
};

/// What a part was when its end was met.
struct PartEnd {
  std::uint64_t body_size = 0;  ///< octets as they stand in the message, without the line end of a boundary
};

/// What was not as it should be. All was read all the same, and nothing was lost.
struct StructureProblem {
  enum class Kind : unsigned char {
    separator_missing,   ///< no empty line between header section and body
    boundary_missing,    ///< a multipart without a boundary parameter; taken from the first line that looks
                         ///< like one
    boundary_not_found,  ///< a multipart in whose body no boundary stands
    closing_missing,     ///< the last boundary of a multipart is not there
    header_too_long,     ///< the rest of the header section was taken for content
    nested_too_deep,     ///< what is below was taken for content
    too_many_parts,      ///< what follows was taken for content
    message_encoded,     ///< a message/rfc822 in base64 or quoted-printable (RFC 2046 s. 5.2.1); taken for
                         ///< content
    multipart_encoded,   ///< a multipart with such an encoding (RFC 2045 s. 6.4), which was ignored
  };
  Kind kind;
  std::string part;      ///< its number
  std::uint64_t offset;  ///< octets from the begin of the input
};
/// "there is no empty line between the header section and the body"
std::string_view text(StructureProblem::Kind kind);
/// "separator_missing"
std::string_view word(StructureProblem::Kind kind);

/// Who is told what a message is made of. The pieces that it is given, with the headers and separators of the
/// parts, are all octets of the message in their order.
class StructureListener {
 public:
  enum class Piece : unsigned char {
    body,      ///< content of a leaf
    preamble,  ///< before the first boundary of a multipart
    boundary,  ///< a boundary line with the line end before it and its own
    epilogue,  ///< behind the last boundary
  };
  virtual ~StructureListener() = default;
  /// The header section of a part is complete. The part lives until part_ends() for it.
  virtual void part_begins(const Part& part) = 0;
  /// The view lives during the call. `part` is the innermost one that is open; of a boundary, its multipart.
  virtual void octets(const Part& part, Piece piece, std::string_view octets, std::uint64_t offset) = 0;
  virtual void part_ends(const Part& part, const PartEnd& end) = 0;
  virtual void problem(const StructureProblem& problem) = 0;
};

struct StructureLimits {
  bool open_messages = true;                  ///< a message/rfc822 is taken apart; else it is content
  std::size_t depth = 40;                     ///< parts within parts
  std::size_t parts = 10'000;                 ///< in the whole message
  std::size_t header = 512 * 1024;            ///< octets of one header section
  std::size_t boundary_line = 1000;           ///< octets of a line that is looked at as a boundary
  std::size_t all_headers = 2 * 1024 * 1024;  ///< octets of the headers of the parts that are open together
};

/// Takes a message apart while it arrives (RFC 5322 s. 2.1, RFC 2046 s. 5). Lines end in CRLF or LF. Holds
/// the headers of the parts that are open and one line that may be a boundary. A boundary is a whole line, so
/// that one that begins with another is not mistaken for it; white space behind it is ignored. Pure. Not
/// thread-safe.
class StructureReader {
 public:
  /// `listener` outlives this.
  explicit StructureReader(StructureListener& listener, const StructureLimits& limits = {});
  /// Pieces of the message in any cuts.
  void feed(std::string_view octets);
  /// There is no more: all parts that are open end. Once.
  void finish();

 private:
  using Piece = StructureListener::Piece;
  struct Open {
    Part part;
    std::string default_type;
    std::size_t children = 0;
    bool any_boundary = false;  // one of its boundary lines was met
    bool closed = false;        // its last one too
    bool guessing = false;      // its first line that looks like a boundary is it
  };
  struct Match {
    std::size_t level;
    bool closing;
  };

  void consume(std::string_view octets);
  std::size_t take_header(std::string_view octets);
  void header_line();
  void end_header_before_line(StructureProblem::Kind why);
  bool header_full() const;
  void end_header(std::string_view separator, std::optional<StructureProblem::Kind> why = {});
  Part::Kind decide_kind(Open& open);
  Part::Kind multipart_kind(Open& open);
  Part::Kind message_kind(const Part& part);
  void begin_part(std::string_view default_type);
  std::string number(bool multipart) const;
  std::size_t take_content(std::string_view octets);
  std::size_t take_candidate(std::string_view octets);
  std::size_t take_up_to_boundary(std::string_view octets);
  bool resolve_candidate();
  void candidate_is_content();
  std::optional<Match> match(std::string_view line);
  std::optional<Match> match_open(std::string_view line) const;
  void take_boundary(Match match);
  void end_parts(std::size_t keep, std::uint64_t end);
  void emit(std::string_view octets);
  void flush_line_end();
  bool watching() const { return boundaries_ > 0 && !content_only_; }
  void problem(StructureProblem::Kind kind, std::uint64_t offset);
  Open& top() { return open_.back(); }

  StructureListener& listener_;
  const StructureLimits limits_;
  std::vector<Open> open_;
  std::size_t parts_ = 0, header_octets_ = 0;
  std::size_t boundaries_ = 0;  // open multiparts whose last boundary may still come
  bool in_header_ = true;
  bool line_start_ = true;     // of the content
  bool content_only_ = false;  // the limit of parts was met
  bool candidate_ = false;     // line_ may be a boundary
  std::string line_end_;       // in front of line_, or of what comes: part of a boundary, should there be one
  std::string line_;           // of a header, or a candidate, that is not complete
  std::uint64_t handed_out_ = 0;  // the offset of line_end_, of line_, or of what comes
};

}  // namespace hikyaku::mime
