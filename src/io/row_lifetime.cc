#include "io/row_lifetime.h"

namespace hikyaku::io {
namespace {

std::chrono::sys_seconds this_second() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

class LifetimeFilter : public rocksdb::CompactionFilter {
 public:
  LifetimeFilter(std::chrono::seconds lifetime, std::chrono::sys_seconds now)
      : lifetime_(lifetime), now_(now) {}
  const char* Name() const override { return "hikyaku.lifetime"; }
  bool Filter(int, const rocksdb::Slice&, const rocksdb::Slice& value, std::string*, bool*) const override {
    return outlived({value.data(), value.size()}, lifetime_, now_);
  }

 private:
  std::chrono::seconds lifetime_;
  std::chrono::sys_seconds now_;
};

class LifetimeFilterFactory : public rocksdb::CompactionFilterFactory {
 public:
  explicit LifetimeFilterFactory(std::chrono::seconds lifetime) : lifetime_(lifetime) {}
  const char* Name() const override { return "hikyaku.lifetime"; }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context&) override {
    return std::make_unique<LifetimeFilter>(lifetime_, this_second());
  }

 private:
  std::chrono::seconds lifetime_;
};

}  // namespace

Stamp stamp(std::chrono::sys_seconds written) {
  const auto seconds = static_cast<std::uint32_t>(written.time_since_epoch().count());
  Stamp out;
  for (std::size_t i = 0; i < kStampSize; ++i) out[i] = static_cast<char>(seconds >> (24 - 8 * i) & 0xff);
  return out;
}

bool outlived(std::string_view value, std::chrono::seconds lifetime, std::chrono::sys_seconds now) {
  if (value.size() < kStampSize) return false;
  std::uint32_t seconds = 0;
  for (const char c : value.substr(value.size() - kStampSize))
    seconds = seconds << 8 | static_cast<unsigned char>(c);
  return std::chrono::sys_seconds{std::chrono::seconds{seconds}} + lifetime < now;
}

std::shared_ptr<rocksdb::CompactionFilterFactory> lifetime_filter(std::chrono::seconds lifetime) {
  return std::make_shared<LifetimeFilterFactory>(lifetime);
}

}  // namespace hikyaku::io
