#include "cmd/milter_spec.h"

#include <string>

namespace hikyaku::cmd {

Result<milter::Endpoint> parse_milter_spec(std::string_view text) {
  const auto at = text.rfind('@');
  for (const std::string_view family : {"inet:", "inet6:"}) {
    if (!text.starts_with(family) || (at == std::string_view::npos && family == "inet:")) continue;
    auto host = at == std::string_view::npos ? "localhost" : text.substr(at + 1);
    const auto port = text.substr(family.size(), at == std::string_view::npos ? at : at - family.size());
    std::string postfix = "inet:";
    postfix += host;
    postfix += ':';
    postfix += port;
    return milter::Endpoint::parse(postfix);
  }
  return milter::Endpoint::parse(text);
}

}  // namespace hikyaku::cmd
