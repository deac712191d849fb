#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/explanation.h"
#include "rewrite/actions.h"
#include "rewrite/content_checks.h"
#include "rewrite/settings.h"

namespace hikyaku::rewrite {

/// Applies mime_header_checks to the headers of MIME parts, nested_header_checks to the headers of attached
/// messages and body_checks to all other lines, while a body passes. Needs memory for one line or header and
/// the boundaries of at most kDepthLimit nested multiparts. Not thread-safe.
class BodyInspection {
 public:
  static constexpr std::size_t kHeaderLimit = 102400;  ///< header_size_limit; what is longer passes unchecked
  static constexpr std::size_t kLineLimit = 2048;  ///< line_length_limit: longer lines are checked in pieces
  static constexpr std::size_t kDepthLimit = 100;  ///< mime_nesting_limit; deeper boundaries are not seen
  static constexpr std::size_t kBoundaryLimit = 2048;  ///< mime_boundary_length_limit; octets that count

  /// The checks for each kind of content. They must outlive the inspection.
  struct BodyChecks {
    const Checks &mime, &nested, &body;
  };

  /// `section` is the header section as it came; `over` tells that an action has ended all checks.
  BodyInspection(BodyChecks checks, std::size_t body_size, CheckedBy by, std::string_view section, bool over,
                 Explanation& why);

  /// Takes octets of the body as they come and appends what is to be kept in their place to `out`.
  void feed(std::string_view bytes, std::string& out);
  /// The body is over.
  void finish(std::string& out);
  /// What the checks decided so far.
  const Actions& actions() const { return actions_; }

 private:
  enum class State : unsigned char { body, part_header, nested_header };
  struct Multipart {
    std::string boundary;
    bool digest = false;  // its parts are messages unless they say something else
  };
  /// What the header that is being read says of its content.
  enum class ContentType : unsigned char { other, multipart, message };

  void line(std::string_view text, bool begins, bool ends, std::string& out);
  void header_line(std::string_view text, std::string& out);
  void finish_header_field(std::string& out);
  void end_header();
  void body_line(std::string_view text, bool ends, std::string& out);
  bool find_boundary(std::string_view text);
  void read_content_type(std::string_view value);

  BodyChecks checks_;
  std::size_t body_size_;
  CheckedBy by_;
  Explanation& why_;
  Actions actions_;
  State state_ = State::body;
  ContentType content_ = ContentType::other;
  std::vector<Multipart> open_;
  std::string pending_;      // the begin of a line
  bool line_begun_ = false;  // a piece of the line was already checked
  std::string field_;        // the header field being read, folds as '\n'
  std::size_t offset_ = 0;   // octets of the part's body so far
};

}  // namespace hikyaku::rewrite
