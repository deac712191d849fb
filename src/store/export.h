#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/store.h"

namespace hikyaku::store {

/// Changes a message, piece by piece, from SMTP's line ends to those of files. Pure.
class FileText {
 public:
  enum class Quote : unsigned char {
    none,
    from,  ///< mboxrd: a line of any number of '>' and "From " gets one more '>'
  };
  explicit FileText(Quote quote) : quote_(quote) {}
  /// Appends the changed octets to `out`; a few may wait for the next piece.
  void feed(std::string_view piece, std::string& out);
  /// Appends what waits, and a line end when the last line has none.
  void finish(std::string& out);

 private:
  void take(char octet, std::string& out);
  void decide(std::string& out);
  Quote quote_;
  bool cr_ = false;        // a CR waits for its LF
  bool deciding_ = true;   // the line so far may be a beginning of >*From
  std::string beginning_;  // of this line, while deciding
  bool line_open_ = false;
};

/// Takes octets; an error ends the message.
using Sink = std::function<Result<void>(std::string_view)>;

/// The whole message as it was received, in pieces.
Result<void> write_message(const Store& store, const Store::Item& item, const Sink& sink);
/// One entry of an mbox file (RFC 4155, mboxrd), with the line of its envelope sender, its flags and keywords
/// as Status, X-Status and X-Keywords before its own fields when it has some, and an empty line after it.
Result<void> write_mbox_entry(const Store& store, const Store::Item& item, const Sink& sink);
/// The message with line ends of files, for Maildir.
Result<void> write_maildir_file(const Store& store, const Store::Item& item, const Sink& sink);
/// The file's name in a Maildir, with its folder: "cur/1795564100.7_4jYzyr0sf8z0.hikyaku:2,Sa". `letters`: of
/// its keywords (MaildirKeywords), ascending.
std::string maildir_name(const Store::Item& item, std::string_view letters = {});
/// "SF": seen, answered, flagged, deleted, draft as Maildir letters, in order.
std::string flag_letters(const Flags& flags);

}  // namespace hikyaku::store
