#pragma once
#include <cstddef>
#include <string_view>

namespace hikyaku::smtp {

/// Takes the content of a message out of the octets that follow DATA or BDAT, and watches its line ends.
/// Streaming: keeps one state and no octets. Hands out views into the input; a message without lines that
/// begin with a dot comes out in the pieces that it came in.
class ContentReader {
 public:
  enum class Form : unsigned char {
    dotted,   ///< DATA: dots are unstuffed, CR LF "." CR LF ends it (RFC 5321 s. 4.5.2)
    counted,  ///< BDAT: the caller hands in nothing but content (RFC 3030)
  };
  enum class Status : unsigned char { more, end, bare_cr, bare_lf, nul };
  struct Piece {
    std::string_view octets;  ///< content, may be empty
    std::size_t consumed;     ///< octets of the input that are done with, 0 only with a fault
    Status status;
  };

  void begin(Form form);
  /// Reads on; `in` is not empty. bare_cr, bare_lf and nul are told once, the first of them; after that it
  /// only looks for the end, which is CR LF "." CR LF and nothing that resembles it, and the octets mean
  /// nothing.
  Piece read(std::string_view in);
  /// At the end of counted content: bare_cr if it ends in a CR, else end.
  Status finish();
  /// The content so far is empty or ends in CR LF.
  bool at_line_start() const { return state_ == State::line_start; }

 private:
  enum class State : unsigned char { line_start, dot, dot_cr, text, cr };
  /// True for the first fault of a message.
  bool fault();

  Form form_ = Form::dotted;
  State state_ = State::line_start;
  bool faulty_ = false;
};

}  // namespace hikyaku::smtp
