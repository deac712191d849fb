#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/base64_stream.h"
#include "mime/line_ends.h"
#include "mime/quoted_printable.h"
#include "mime/structure.h"
#include "mime/transfer_decoder.h"

namespace hikyaku::mime {

/// What is to be done to one part.
struct PartRepair {
  std::string charset;   ///< the label of its text; empty: stays
  std::string boundary;  ///< a multipart that does not name it; empty: it does
  enum class Body : unsigned char {
    kept,
    labelled_8bit,     ///< its encoding becomes 8bit, its octets stay
    base64,            ///< decoded as far as it goes, and encoded anew
    quoted_printable,  ///< the same
  };
  Body body = Body::kept;
};

/// Which parts, by their numbers, and what of the whole.
struct MessageRepair {
  std::map<std::string, PartRepair> parts;
  bool line_ends = false;  ///< LF alone becomes CRLF, outside of binary bodies
  bool lf = false;         ///< the lines of the message end in LF; those that are written do too
};

/// Writes a message anew, with the repairs that were decided after it was read once: header sections as
/// header_doctor has them, the labels and bodies of `repair`, missing empty lines and missing closing
/// boundaries. All else stays, octet by octet. Streaming. Pure. Not thread-safe.
class MessageRepairer : private StructureListener {
 public:
  /// `repair` outlives this.
  MessageRepairer(const MessageRepair& repair, std::function<void(std::string_view)> out)
      : repair_(repair), out_(std::move(out)), reader_(*this) {}
  void feed(std::string_view octets) { reader_.feed(octets); }
  void finish() { reader_.finish(); }

 private:
  void part_begins(const Part& part) override;
  void octets(const Part& part, Piece piece, std::string_view octets, std::uint64_t offset) override;
  void part_ends(const Part& part, const PartEnd& end) override;
  void problem(const StructureProblem&) override {}

  std::string header_of(const Part& part) const;
  const PartRepair& repair_of(const Part& part) const;
  void begin_body(const Part& part);
  void encode(std::string_view octets);
  void write_lines(std::string_view octets);
  void end_lines();
  std::string_view line_end() const { return repair_.lf ? "\n" : "\r\n"; }

  const MessageRepair& repair_;
  std::function<void(std::string_view)> out_;
  std::unique_ptr<TransferDecoder> decoder_;  // of a body that is encoded anew
  std::optional<Base64Encoder> base64_;
  std::optional<QuotedPrintableEncoder> quoted_;
  LineEnds line_ends_{LineEnds::Form::crlf};
  std::string decoded_, encoded_, lines_;
  bool binary_ = false;
  std::map<std::size_t, bool>
      closed_;  // multiparts of which a boundary was met, by depth: whether the last one
  StructureReader reader_;
};

}  // namespace hikyaku::mime
