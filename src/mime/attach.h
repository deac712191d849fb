#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "mime/parameter.h"
#include "mime/structure.h"

namespace hikyaku::mime {

struct AttachmentFacts {
  std::string name;     ///< UTF-8
  std::string type;     ///< "image/png"
  std::string charset;  ///< of a text; empty: none is told
  ParameterStyle style = ParameterStyle::rfc2231;
};
/// The header section of a part that holds a file in base64, with its empty line. Lines end in CRLF.
std::string attachment_header(const AttachmentFacts& facts);

/// Adds parts to a message while it passes: a multipart/mixed gets them in front of its closing boundary
/// (which is added where it was missing); any other message becomes the first part of a new multipart/mixed,
/// which takes its fields but for those of MIME. All else stays, octet by octet. Pure. Not thread-safe.
class Attacher : private StructureListener {
 public:
  struct Ports {
    std::function<void(std::string_view)> out;
    /// Writes all attachments, each after `begin` ("\r\n--boundary\r\n"); `line_end` is the message's.
    std::function<void(const std::string& begin, std::string_view line_end)> attachments;
  };
  /// `boundary`: for a new multipart; must stand nowhere in the message, so make it of 16 random octets.
  Attacher(Ports ports, std::string boundary)
      : ports_(std::move(ports)), new_boundary_(std::move(boundary)), reader_(*this) {}
  void feed(std::string_view octets) { reader_.feed(octets); }
  void finish() { reader_.finish(); }

 private:
  void part_begins(const Part& part) override;
  void octets(const Part& part, Piece piece, std::string_view octets, std::uint64_t offset) override;
  void part_ends(const Part& part, const PartEnd& end) override;
  void problem(const StructureProblem&) override {}
  void wrap(const Part& part);
  void add(const std::string& boundary);

  Ports ports_;
  const std::string new_boundary_;
  std::string_view line_end_ = "\r\n";
  bool wraps_ = false, added_ = false;
  StructureReader reader_;
};

}  // namespace hikyaku::mime
