#pragma once
#include <iconv.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hikyaku::mime {

/// One conversion of iconv(3), closed at its end.
class IconvHandle {
 public:
  static std::optional<IconvHandle> open(const std::string& to, const std::string& from) {
    const iconv_t opened = ::iconv_open(to.c_str(), from.c_str());
    // iconv(3): the failure is (iconv_t)-1, which no handle is.
    if (opened == reinterpret_cast<iconv_t>(-1)) return std::nullopt;
    return IconvHandle(opened);
  }
  IconvHandle(IconvHandle&& other) noexcept : handle_(other.handle_) { other.handle_ = nullptr; }
  IconvHandle& operator=(IconvHandle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~IconvHandle() {
    if (handle_) ::iconv_close(handle_);
  }
  enum class Stop { done, illegal, incomplete };
  /// Converts from the front of `in`, which loses what was converted, to the end of `out`.
  Stop convert(std::string_view& in, std::string& out);
  /// Appends what brings the output back to its initial state, and forgets the state.
  void finish(std::string& out);

 private:
  explicit IconvHandle(iconv_t handle) : handle_(handle) {}
  iconv_t handle_;
};

}  // namespace hikyaku::mime
