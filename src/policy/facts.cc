#include "policy/facts.h"

namespace hikyaku::policy {

std::string Client::text() const {
  std::string out(name);
  out += '[';
  out += address;
  out += ']';
  return out;
}

}  // namespace hikyaku::policy
