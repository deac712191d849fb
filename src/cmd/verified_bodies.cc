#include "cmd/verified_bodies.h"

#include <chrono>
#include <utility>

#include "cmd/progress.h"

namespace hikyaku::cmd {

VerifiedBodies::VerifiedBodies(std::filesystem::path folder)
    : running_(std::async(std::launch::async, [this, folder = std::move(folder)] {
        return io::check_bodies(folder, [this](std::uint64_t done, std::uint64_t all) {
          all_ = all;
          done_ = done;
        });
      })) {}

const Result<std::vector<io::TableReport>>& VerifiedBodies::reports() {
  if (reports_) return *reports_;
  ProgressLine progress("verifying bodies");
  while (running_.wait_for(std::chrono::milliseconds{200}) != std::future_status::ready)
    progress(done_, all_);
  reports_ = running_.get();
  if (*reports_) {
    for (const auto& report : **reports_) faults_.emplace(report.file.filename(), report.reason);
  }
  return *reports_;
}

Result<void> VerifiedBodies::verify(const Blob& blob, std::string_view name) {
  if (const auto& all = reports(); !all) return std::unexpected(all.error());
  const auto at = faults_.find(name);
  if (at == faults_.end()) return blob.verify(name);  // it was not in the list
  if (at->second.empty()) return {};
  return fail(Fault::corrupt, at->second);
}

}  // namespace hikyaku::cmd
