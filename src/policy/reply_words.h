#pragma once
#include <string>
#include <string_view>

namespace hikyaku::policy {

/// A reply's text with the enhanced code that it begins with, if it does.
struct CodedText {
  std::string enhanced;
  std::string_view text;
};
/// Takes "5.7.1 " off the front; `fallback` when there is no code.
CodedText split_enhanced(std::string_view text, std::string_view fallback);

/// Fits an enhanced code about an address ("5.1.1") to what is being refused: a sender's code for a sender, a
/// recipient's for a recipient, and no code of addresses for anything else. `reply_class` is of subject::.
std::string fit_enhanced(std::string_view enhanced, std::string_view reply_class);

}  // namespace hikyaku::policy
