#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "milter/edit.h"

namespace hikyaku::milter {

/// Whether the white space behind a header's colon belongs to the value (SMFIP_HDR_LEADSPC). Without it one
/// blank is taken off what a filter sees, and put before what it gives back.
enum class LeadingSpace : unsigned char { taken_off, kept };

/// A header as a filter sees it.
struct FilterHeader {
  std::string name, value;
  bool operator==(const FilterHeader&) const = default;
};
/// `text` ("Name: value", folds with CR LF or LF, no line end behind it) as a filter sees it: folds are LF. A
/// line that is no header has an empty name.
FilterHeader filter_header(std::string_view text, LeadingSpace space);

/// The headers of a message in their order, and the edits of filters on them. The results are what
/// Postfix 3.7 has with the same edits. Pure. Not bounded but by the caller: see ClientSession::Limits.
class HeaderList {
 public:
  HeaderList() = default;
  /// Reads a header section (lines end in CR LF). With `own_received`, the first header is the one that this
  /// hub has put there: no filter sees it.
  enum class First : unsigned char { visible, own_received };
  HeaderList(std::string_view section, First first);
  /// The same with the hub's header as number `own_received`, from 0; nullopt: it is not there.
  HeaderList(std::string_view section, std::optional<std::size_t> own_received);

  /// The fields without their line ends, folds with CR LF.
  const std::vector<std::string>& fields() const { return fields_; }
  /// Whether a filter sees the field of this number: all but the one Received of our own, wherever it stands
  /// by now.
  bool visible(std::size_t number) const { return number != hidden_; }
  /// The header section, each line with CR LF, without the empty line.
  std::string section() const;

  /// Puts a field as it stands, "Name: value" with folds of CR LF, below all.
  void append(std::string field) { fields_.push_back(std::move(field)); }
  /// Puts it below all.
  void add(const AddHeader& edit, LeadingSpace space);
  /// Puts it before the header number `index` of all, our own Received counted; below all when there are not
  /// so many.
  void insert(const InsertHeader& edit, LeadingSpace space);
  /// Changes or removes the header number `index`, from 1, among the visible ones of this name in any case.
  /// Headers that were removed before are not counted. One that is not there is added, or not removed.
  void change(const ChangeHeader& edit, LeadingSpace space);
  /// Does nothing for edits that concern no header, and returns false.
  bool apply(const Edit& edit, LeadingSpace space);

 private:
  std::vector<std::string> fields_;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t hidden_ = kNone;  // our own Received
};

/// The chunks of a new body as lines of mail: every LF ends a line and becomes CR LF, a last line without an
/// end gets one. Chunks may be cut anywhere.
class BodyReplacement {
 public:
  /// Appends what is whole of `chunk` to `out`.
  void append(std::string_view chunk, std::string& out);
  /// Ends the last line.
  void finish(std::string& out);

 private:
  bool open_line_ = false, cr_ = false;
};

}  // namespace hikyaku::milter
