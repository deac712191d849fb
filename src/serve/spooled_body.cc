#include "serve/spooled_body.h"

namespace hikyaku::serve {

Result<void> SpooledBody::write_out() {
  if (!writer_) {
    auto writer = blob_.put(blob_name_);
    if (!writer) return std::unexpected(std::move(writer.error()));
    writer_ = std::move(*writer);
  }
  auto written = writer_->write(memory_);
  memory_.clear();
  return written;
}

Result<void> SpooledBody::finish() {
  if (!writer_) return {};
  if (!memory_.empty()) {
    if (auto written = write_out(); !written) return written;
  }
  return writer_->finish();
}

}  // namespace hikyaku::serve
