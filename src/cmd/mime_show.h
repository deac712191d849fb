#pragma once
#include <string>

namespace hikyaku::cmd {

/// `hikyaku mime show`: the tree of parts of a message. Gives the exit code.
int mime_show(const std::string& path, bool as_json);

}  // namespace hikyaku::cmd
