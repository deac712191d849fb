#pragma once
#include <string>
#include <string_view>

#include "mime/body_text.h"
#include "mime/repair.h"
#include "mime/structure.h"
#include "mime/transfer_notes.h"

namespace hikyaku::cmd {

/// Tells on stderr what was found wrong, one line each, and remembers whether any of it lost content.
class MimeNotes {
 public:
  enum class Told : unsigned char { all, nothing };
  /// What header() calls the parameters of a part.
  static constexpr std::string_view kParameters = "its name or another parameter";
  explicit MimeNotes(Told told) : told_(told) {}
  void problem(const mime::StructureProblem& problem);
  void transfer(const std::string& part, const mime::TransferNotes& notes);
  void text(const std::string& part, const mime::BodyTextDecoder& decoder);
  /// Of a header field, or of what else the `repairs` made readable: what stayed unreadable, and is lost.
  void header(const std::string& part, std::string_view field, const mime::Repairs& repairs);
  void tell(const std::string& text);
  /// Octets could not be decoded, are missing, or have another checksum.
  bool lost() const { return lost_; }

 private:
  const Told told_;
  bool lost_ = false;
};

/// The fault says that content is missing or wrong.
bool loses_content(mime::TransferFault fault);
/// Something became U+FFFD.
bool loses_content(const mime::Repairs& repairs);

}  // namespace hikyaku::cmd
