#pragma once
#include <string>
#include <string_view>

namespace hikyaku::cmd {

/// What a page of section 5 begins with.
std::string page_head(std::string_view name, std::string_view version, std::string_view summary);

// The files of filters, from the tables of words that their readers use.
std::string greylist_conf_page(std::string_view version);
std::string milter_manager_conf_page(std::string_view version);

}  // namespace hikyaku::cmd
