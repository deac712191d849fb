#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

#include "base/blob.h"
#include "base/random.h"
#include "base/time.h"
#include "io/auth_throttle.h"
#include "io/credential_cache.h"
#include "io/group_committer.h"
#include "io/log.h"
#include "io/resolver.h"
#include "io/sasl_gsasl.h"
#include "io/users.h"
#include "io/worker_pool.h"
#include "policy/client_rates.h"
#include "queue/queue.h"
#include "record/queue_id.h"
#include "serve/active_message.h"
#include "serve/mailbox_locks.h"
#include "serve/metrics.h"

namespace hikyaku::serve {

struct Running;
class Greylisting;
class MailboxDatabases;

/// What one hub has one of, handed to all its parts. Everything in it is thread-safe and outlives them.
struct Services {
  const Clock& clock;
  Random& random;
  io::Log& log;
  io::WorkerPool& pool;
  io::WorkerPool& waiting;  ///< for what waits for others: commands, and what takes hours
  io::WorkerPool& lookups;  ///< for lookups at servers, and what reads messages for them: confined
  Metrics& metrics;
  io::Resolver& resolver;
  io::SaslLibrary& sasl;
  io::Users& users;
  io::CredentialCache& credentials;
  io::AuthThrottle& auth_throttle;
  policy::ClientRates& client_rates;

  record::IdSource& ids;
  queue::Queue& queue;
  Blob& blob;
  io::GroupCommitter& queue_commits;
  MailboxDatabases& mailboxes;

  std::atomic<bool> stopping{false};
  MailboxLocks mailbox_locks;
  Greylisting* greylisting = nullptr;  ///< null: hikyaku_greylist was not set at the start
  /// Hands a message that was committed to the way out.
  std::function<void(std::shared_ptr<ActiveMessage>)> admit;
  /// ETRN: tries what waits for recipients of the domain. False: too many ask for that at once.
  std::function<bool(std::string_view domain)> flush_domain;

  /// The configuration in force. What has begun goes on with the one that it began with.
  std::shared_ptr<const Running> running() const { return current.load(); }
  /// Where lookups in `running`'s tables are done: null, at once.
  io::WorkerPool* lookups_for(const Running& running) const;
  void use(std::shared_ptr<const Running> next) { current.store(std::move(next)); }

  std::atomic<std::shared_ptr<const Running>> current;
};

}  // namespace hikyaku::serve
