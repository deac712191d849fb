#include "serve/dns_lookup.h"

#include <utility>

namespace hikyaku::serve {
namespace {

DnsAnswer::Status status_of(io::DnsReply::Status status) {
  switch (status) {
    case io::DnsReply::Status::found:
      return DnsAnswer::Status::found;
    case io::DnsReply::Status::none:
      return DnsAnswer::Status::none;
    case io::DnsReply::Status::temporary:
      return DnsAnswer::Status::temporary;
    case io::DnsReply::Status::malformed:
      return DnsAnswer::Status::malformed;
  }
  return DnsAnswer::Status::temporary;
}

io::Resolver::Type type_of(DnsQuestion::Type type) {
  switch (type) {
    case DnsQuestion::Type::a:
      return io::Resolver::Type::a;
    case DnsQuestion::Type::aaaa:
      return io::Resolver::Type::aaaa;
    case DnsQuestion::Type::mx:
      return io::Resolver::Type::mx;
    case DnsQuestion::Type::ns:
      return io::Resolver::Type::ns;
    case DnsQuestion::Type::txt:
      return io::Resolver::Type::txt;
    case DnsQuestion::Type::ptr:
      return io::Resolver::Type::ptr;
  }
  return io::Resolver::Type::a;
}

}  // namespace

boost::asio::awaitable<void> look_up(io::Resolver& resolver, DnsFacts& dns, const DnsQuestion& question) {
  auto reply = co_await resolver.query(question.name, type_of(question.type));
  DnsAnswer answer;
  answer.status = status_of(reply.status);
  for (auto& record : reply.records) answer.records.push_back(std::move(record.text));
  dns.add(question, std::move(answer));
}

}  // namespace hikyaku::serve
