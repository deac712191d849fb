#include "io/dovecot_auth.h"

#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>

#include "base/base64.h"
#include "io/stream.h"
#include "io/thread_confinement.h"

namespace hikyaku::io {

namespace asio = boost::asio;

namespace {

struct Place {
  std::string unix_path;  // or
  std::string address;
  std::uint16_t port = 0;
};

Result<std::string> address_of(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw); error != 0) {
    return fail(Fault::temporary,
                "smtpd_sasl_path: the host " + host + " can't be found: " + ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> found(raw, ::freeaddrinfo);
  std::array<char, NI_MAXHOST> text{};
  if (::getnameinfo(found->ai_addr, found->ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) != 0) {
    return fail(Fault::temporary, "smtpd_sasl_path: the host " + host + " has no address");
  }
  return std::string(text.data());
}

Result<Place> parse_place(const std::string& path) {
  const std::string_view text = path;
  if (!text.starts_with("inet:")) {
    auto name = text.starts_with("unix:") ? text.substr(5) : text;
    if (name.empty())
      return fail(Fault::malformed, "smtpd_sasl_path is empty: write inet:HOST:PORT or unix:PATH");
    return Place{std::string(name), {}, 0};
  }
  const auto rest = text.substr(5);
  const auto colon = rest.rfind(':');
  Place place;
  if (colon != std::string_view::npos) {
    const auto port = rest.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), place.port);
    if (error != std::errc{} || end != port.data() + port.size()) place.port = 0;
  }
  auto host = rest.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (place.port == 0 || host.empty()) {
    return fail(Fault::malformed, "smtpd_sasl_path \"" + path + "\": write inet:HOST:PORT or unix:PATH");
  }
  auto address = host == "localhost" ? Result<std::string>("127.0.0.1") : address_of(std::string(host));
  if (!address) return std::unexpected(std::move(address.error()));
  place.address = std::move(*address);
  return place;
}

Error broken(std::string what) { return {Fault::temporary, "Dovecot: " + std::move(what)}; }

}  // namespace

/// A connection whose greeting is over.
struct DovecotAuth::Connection {
  explicit Connection(Stream connected) : stream(std::move(connected)) {}
  Stream stream;
  std::string input;
  std::uint32_t last_id = 0;
  std::chrono::seconds timeout{0};

  asio::awaitable<Result<DovecotReply>> next_line();
  /// The next line that answers the request `id`.
  asio::awaitable<Result<Step>> answer_to(std::uint32_t id);
  asio::awaitable<Result<Step>> ask(std::string request, std::uint32_t id);
};

struct DovecotAuth::State {
  State(Settings the_settings, Place the_place, DeadlineSweep& the_sweep, Random& the_random)
      : settings(std::move(the_settings)),
        place(std::move(the_place)),
        sweep(the_sweep),
        random(the_random) {}
  Settings settings;
  Place place;
  DeadlineSweep& sweep;
  Random& random;
  std::vector<std::unique_ptr<Connection>> idle;
  std::vector<Mechanism> mechanisms;

  asio::awaitable<Result<std::unique_ptr<Connection>>> connect();
  /// One that was kept and is still good; null without one.
  std::unique_ptr<Connection> take_idle();
  void keep(std::unique_ptr<Connection> connection) {
    if (idle.size() < settings.idle_connections && connection->input.empty())
      idle.push_back(std::move(connection));
  }
};

asio::awaitable<Result<DovecotReply>> DovecotAuth::Connection::next_line() {
  for (;;) {
    if (const auto end = input.find('\n'); end != std::string::npos) {
      auto parsed = parse_dovecot_line(std::string_view(input).substr(0, end));
      input.erase(0, end + 1);
      co_return parsed;
    }
    if (input.size() > kMostDovecotLine) co_return std::unexpected(broken("its line is too long"));
    std::array<char, 4096> room;
    auto got = co_await stream.read_some(room);
    if (!got) co_return std::unexpected(broken(got.error().text));
    if (*got == 0) co_return std::unexpected(broken("it closed the connection"));
    input.append(room.data(), *got);
  }
}

asio::awaitable<Result<DovecotAuth::Step>> DovecotAuth::Connection::answer_to(std::uint32_t id) {
  for (;;) {
    auto line = co_await next_line();
    if (!line) co_return std::unexpected(std::move(line.error()));
    if (auto* next = std::get_if<DovecotLine::Continue>(&*line); next != nullptr && next->id == id) {
      co_return Step(Challenge{std::move(next->octets)});
    }
    if (auto* ok = std::get_if<DovecotLine::Ok>(&*line); ok != nullptr && ok->id == id) {
      co_return Step(Accepted{std::move(ok->user)});
    }
    if (auto* no = std::get_if<DovecotLine::Fail>(&*line); no != nullptr && no->id == id) {
      auto reason = no->reason.empty() ? "authentication failed" : std::move(no->reason);
      co_return Step(Rejected{std::move(no->user), std::move(reason), no->temporary});
    }
  }
}

asio::awaitable<Result<DovecotAuth::Step>> DovecotAuth::Connection::ask(std::string request,
                                                                        std::uint32_t id) {
  stream.set_deadline(timeout, "Dovecot");
  auto sent = co_await stream.write_all(request);
  if (!sent) co_return std::unexpected(broken(sent.error().text));
  co_return co_await answer_to(id);
}

std::unique_ptr<DovecotAuth::Connection> DovecotAuth::State::take_idle() {
  while (!idle.empty()) {
    auto connection = std::move(idle.back());
    idle.pop_back();
    // Nothing is due, so what is there to read is the end: Dovecot was restarted.
    if (!connection->stream.has_input()) return connection;
  }
  return nullptr;
}

asio::awaitable<Result<std::unique_ptr<DovecotAuth::Connection>>> DovecotAuth::State::connect() {
  // Not by ?: g++ 12 destroys twice what is awaited in it.
  Result<Stream> stream = fail(Fault::temporary, "not connected");
  if (place.unix_path.empty()) {
    stream = co_await Stream::connect_tcp(sweep, place.address, place.port, {}, settings.timeout);
  } else {
    stream = co_await Stream::connect_unix(sweep, place.unix_path, settings.timeout);
  }
  if (!stream) co_return std::unexpected(broken("connect to " + settings.path + ": " + stream.error().text));
  auto connection = std::make_unique<Connection>(std::move(*stream));
  connection->timeout = settings.timeout;
  connection->stream.set_deadline(settings.timeout, "Dovecot's greeting");
  // Dovecot tells its clients apart by this number, and refuses a second connection of the same one.
  std::array<unsigned char, 4> octets{};
  random.fill(octets);
  const auto number =
      1U + ((static_cast<unsigned>(octets[0]) << 16) | (static_cast<unsigned>(octets[1]) << 8) | octets[2] |
            (static_cast<unsigned>(octets[3] & 0x7f) << 24)) %
               0x7ffffffeU;
  const auto hello = "VERSION\t1\t1\nCPID\t" + std::to_string(number) + "\n";
  auto sent = co_await connection->stream.write_all(hello);
  if (!sent) co_return std::unexpected(broken(sent.error().text));
  std::vector<Mechanism> offered;
  for (bool versioned = false;;) {
    auto line = co_await connection->next_line();
    if (!line) co_return std::unexpected(std::move(line.error()));
    if (const auto* version = std::get_if<DovecotLine::Version>(&*line)) {
      if (version->major != 1)
        co_return std::unexpected(
            broken("its protocol is version " + std::to_string(version->major) + ", not 1"));
      versioned = true;
    } else if (auto* mechanism = std::get_if<DovecotLine::Mechanism>(&*line)) {
      if (offered.size() < 100) offered.push_back(std::move(mechanism->offered));
    } else if (std::holds_alternative<DovecotLine::Done>(*line)) {
      if (!versioned)
        co_return std::unexpected(
            broken("its greeting tells no version: is " + settings.path + " an authentication socket?"));
      break;
    }
  }
  mechanisms = std::move(offered);
  co_return std::move(connection);
}

struct DovecotAuth::Exchange::Link {
  std::shared_ptr<State> state;
  std::unique_ptr<Connection> connection;
  std::uint32_t id = 0;
};

DovecotAuth::Exchange::Exchange(std::unique_ptr<Link> link) : link_(std::move(link)) {}
DovecotAuth::Exchange::Exchange(Exchange&&) noexcept = default;
DovecotAuth::Exchange& DovecotAuth::Exchange::operator=(Exchange&&) noexcept = default;
// An unfinished login goes with its connection: that is the cancelling that all versions understand.
DovecotAuth::Exchange::~Exchange() = default;

asio::awaitable<Result<DovecotAuth::Step>> DovecotAuth::Exchange::answer(std::string octets) {
  if (!link_ || !link_->connection) co_return std::unexpected(broken("the exchange is over"));
  auto request = "CONT\t" + std::to_string(link_->id) + "\t" + base64_encode(octets) + "\n";
  auto step = co_await link_->connection->ask(std::move(request), link_->id);
  if (!step) {
    link_->connection.reset();
  } else if (!std::holds_alternative<Challenge>(*step)) {
    link_->state->keep(std::move(link_->connection));
  }
  co_return step;
}

DovecotAuth::DovecotAuth(std::shared_ptr<State> state) : state_(std::move(state)) {}
DovecotAuth::~DovecotAuth() { state_->idle.clear(); }

Result<std::unique_ptr<DovecotAuth>> DovecotAuth::make(Settings settings, DeadlineSweep& sweep,
                                                       Random& random) {
  auto place = by_opener([&] { return parse_place(settings.path); });
  if (!place) return std::unexpected(std::move(place.error()));
  return std::unique_ptr<DovecotAuth>(
      new DovecotAuth(std::make_shared<State>(std::move(settings), std::move(*place), sweep, random)));
}

asio::awaitable<Result<std::vector<DovecotAuth::Mechanism>>> DovecotAuth::mechanisms() {
  if (state_->mechanisms.empty()) {
    auto connection = co_await state_->connect();
    if (!connection) co_return std::unexpected(std::move(connection.error()));
    state_->keep(std::move(*connection));
  }
  co_return state_->mechanisms;
}

namespace {

std::string auth_request(std::uint32_t id, const std::string& mechanism, const std::string& service,
                         const DovecotAuth::ClientFacts& client, const std::optional<std::string>& initial) {
  std::string request = "AUTH\t" + std::to_string(id) + "\t" + dovecot_escaped(mechanism) +
                        "\tservice=" + dovecot_escaped(service);
  // A penalty is our own affair: all our clients would have it together.
  request += "\tnologin\tno-penalty";
  if (!client.local_address.empty()) request += "\tlip=" + dovecot_escaped(client.local_address);
  if (!client.remote_address.empty()) request += "\trip=" + dovecot_escaped(client.remote_address);
  if (client.local_port != 0) request += "\tlport=" + std::to_string(client.local_port);
  if (client.remote_port != 0) request += "\trport=" + std::to_string(client.remote_port);
  if (client.secured) request += "\tsecured";
  if (client.valid_certificate) request += "\tvalid-client-cert";
  if (initial) request += "\tresp=" + base64_encode(*initial);  // must be the last
  request += '\n';
  return request;
}

}  // namespace

asio::awaitable<Result<DovecotAuth::Begun>> DovecotAuth::begin(std::string mechanism, ClientFacts client,
                                                               std::optional<std::string> initial) {
  const auto state = state_;
  for (;;) {
    auto connection = state->take_idle();
    const bool kept = connection != nullptr;
    if (!kept) {
      auto made = co_await state->connect();
      if (!made) co_return std::unexpected(std::move(made.error()));
      connection = std::move(*made);
    }
    const auto id = ++connection->last_id;
    auto request = auth_request(id, mechanism, state->settings.service, client, initial);
    auto step = co_await connection->ask(std::move(request), id);
    if (!step) {
      if (kept) continue;  // it may have gone while it was idle; the number of those is bounded
      co_return std::unexpected(std::move(step.error()));
    }
    Begun begun{std::move(*step), std::nullopt};
    if (std::holds_alternative<Challenge>(begun.step)) {
      begun.exchange =
          Exchange(std::unique_ptr<Exchange::Link>(new Exchange::Link{state, std::move(connection), id}));
    } else {
      state->keep(std::move(connection));
    }
    co_return std::move(begun);
  }
}

}  // namespace hikyaku::io
