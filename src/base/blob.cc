#include "base/blob.h"

namespace hikyaku {

Result<void> check_blob_size(const Blob& blob, std::string_view name, std::uint64_t octets) {
  // One octet more than there should be is asked for, from the last one on.
  const auto last = octets == 0 ? 0 : octets - 1;
  const auto end = blob.get(name, last, 2);
  if (!end) return std::unexpected(end.error());
  if (end->size() == octets - last) return {};
  return fail(Fault::corrupt, "the body '" + std::string(name) + "' has not the " + std::to_string(octets) +
                                  " octets that it should have");
}

}  // namespace hikyaku
