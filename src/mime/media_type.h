#pragma once
#include <string_view>

namespace hikyaku::mime {

/// The media type of a file by the extension of its name ("image/png"), and the reverse for a part without a
/// name (".png"; ".bin" where nothing is known). A small table of what people attach. Case does not matter.
/// Pure.
std::string_view media_type_of(std::string_view file_name);
std::string_view extension_of(std::string_view media_type);

}  // namespace hikyaku::mime
