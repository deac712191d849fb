#pragma once
#include <string>
#include <vector>

namespace hikyaku::cmd {

struct MimeAttachOptions {
  std::vector<std::string> files;
  std::string message;  ///< empty: stdin
  bool fresh = false;   ///< there is no message: a new one is made of what follows
  std::string from, subject, text;
  std::vector<std::string> to;
  std::string type;          ///< of all files; empty: by their names
  std::string name;          ///< of the one file; empty: its own
  bool old_readers = false;  ///< names as encoded words besides RFC 2231
};
/// `hikyaku mime attach`: writes the message with the files to stdout. Gives the exit code.
int mime_attach(const MimeAttachOptions& options);

}  // namespace hikyaku::cmd
