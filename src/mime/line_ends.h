#pragma once
#include <string>
#include <string_view>

namespace hikyaku::mime {

/// Writes the line ends of a text (LF, CRLF, or CR alone where it is asked for) in another way, while it
/// arrives. Holds a CR back until the next octet. Pure.
class LineEnds {
 public:
  enum class Form : unsigned char {
    kept,
    lf,         ///< of LF and CRLF; a CR alone stays
    crlf,       ///< of LF, CRLF and CR
    lf_of_all,  ///< of LF, CRLF and CR
    cr,         ///< of LF, CRLF and CR
  };
  explicit LineEnds(Form form) : form_(form) {}
  void feed(std::string_view octets, std::string& out);
  void finish(std::string& out);

 private:
  std::string_view written() const;
  const Form form_;
  bool return_held_ = false;
};

}  // namespace hikyaku::mime
