#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace hikyaku::mime {

/// Writes Japanese text (UTF-8) in other forms of the same characters, while it arrives. Holds a character
/// back whose voiced sound mark may follow. Octets that are no UTF-8 stay. Pure.
class JapaneseForms {
 public:
  enum class Kana : unsigned char { kept, hiragana, katakana, exchanged };
  enum class Blanks : unsigned char { kept, one, two };  ///< what the ideographic blank becomes
  struct Options {
    bool widen_kana = false;    ///< half-width kana to full-width, with their sound marks joined to them
    bool narrow_ascii = false;  ///< full-width letters, digits and signs to ASCII
    bool html = false;          ///< ... and < > & " among them to entities
    Blanks blanks = Blanks::kept;
    Kana kana = Kana::kept;
    bool nothing() const {
      return !widen_kana && !narrow_ascii && blanks == Blanks::kept && kana == Kana::kept;
    }
  };

  explicit JapaneseForms(const Options& options) : options_(options) {}
  void feed(std::string_view utf8, std::string& out);
  void finish(std::string& out);

 private:
  void character(std::uint32_t code, std::string_view octets, std::string& out);
  void put(std::uint32_t code, std::string& out);
  void flush(std::string& out);

  const Options options_;
  std::string cut_;         // the begin of a character
  std::uint32_t held_ = 0;  // full-width katakana that a sound mark may follow
};

}  // namespace hikyaku::mime
