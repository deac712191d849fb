#pragma once
#include <span>
#include <string>
#include <string_view>

namespace hikyaku::cmd {

/// The page of a file format, in the macros of man(7).
struct FormatPage {
  std::string_view format;  ///< "main.cf"
  std::string_view name;    ///< of the page: "hikyaku-main.cf"
  std::string (*text)(std::string_view version);
};
inline constexpr int kFormatSection = 5;

/// All that there are; what main.cf may hold comes from the table of parameters.
std::span<const FormatPage> format_pages();

/// The table of parameters as Markdown, which is docs/parameters.md.
std::string parameter_reference();

}  // namespace hikyaku::cmd
