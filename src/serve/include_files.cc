#include "serve/include_files.h"

#include "base/escape.h"
#include "io/stable_file.h"

namespace hikyaku::serve {

Result<std::string> LocalIncludeFiles::read(std::string_view path, std::size_t limit) const {
  const std::string name(path);
  const auto what = ":include: file " + escaped(path, 200);
  const auto stamp = io::stamp_of(name);
  if (!stamp.exists) return fail(Fault::not_found, what + " does not exist");
  if (stamp.size > limit)
    return fail(Fault::permanent, what + " is larger than " + std::to_string(limit) + " octets");
  auto file = io::read_stable_file(name);
  if (!file) return fail(Fault::temporary, what + ": " + file.error().text);
  return std::move(file->text);
}

}  // namespace hikyaku::serve
