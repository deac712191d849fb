#include "mime/iconv_handle.h"

#include <array>
#include <cerrno>

namespace hikyaku::mime {

IconvHandle::Stop IconvHandle::convert(std::string_view& in, std::string& out) {
  std::array<char, 4096> buffer;
  for (;;) {
    char* from = const_cast<char*>(in.data());  // iconv(3) does not write there
    std::size_t left = in.size();
    char* to = buffer.data();
    std::size_t room = buffer.size();
    const auto result = ::iconv(handle_, &from, &left, &to, &room);
    const int error = errno;
    out.append(buffer.data(), buffer.size() - room);
    in.remove_prefix(in.size() - left);
    if (result != static_cast<std::size_t>(-1)) return Stop::done;
    if (error == EILSEQ) return Stop::illegal;
    if (error != E2BIG) return Stop::incomplete;
  }
}

void IconvHandle::finish(std::string& out) {
  std::array<char, 64> buffer;
  char* to = buffer.data();
  std::size_t room = buffer.size();
  ::iconv(handle_, nullptr, nullptr, &to, &room);
  out.append(buffer.data(), buffer.size() - room);
}

}  // namespace hikyaku::mime
