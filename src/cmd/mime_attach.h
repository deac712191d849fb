#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace hikyaku::cmd {

struct MimeAttachOptions {
  std::vector<std::string> files;
  std::string message;  ///< empty: stdin
  bool fresh = false;   ///< there is no message: a new one is made of what follows
  std::string from, subject, text;
  std::vector<std::string> to;
  std::string type;          ///< of all files, may_be_attached_as(); empty: by their names
  std::string name;          ///< of the one file; empty: its own
  bool old_readers = false;  ///< names as encoded words besides RFC 2231
};
/// `type` is a token, a slash and a token (RFC 2045 s. 5.1), and none whose body has a structure of its own,
/// which the base64 around it would hide (RFC 2046 s. 5.1, 5.2.1).
bool may_be_attached_as(std::string_view type);

/// `hikyaku mime attach`: writes the message with the files to stdout. Gives the exit code.
int mime_attach(const MimeAttachOptions& options);

}  // namespace hikyaku::cmd
