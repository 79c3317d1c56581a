//! A client of every service of the stack.

use trinity_proto::identity::access_service_client::AccessServiceClient;
use trinity_proto::identity::auth_service_client::AuthServiceClient;
use trinity_proto::identity::environment_service_client::EnvironmentServiceClient;
use trinity_proto::identity::service_account_service_client::ServiceAccountServiceClient;
use trinity_proto::identity::staff_service_client::StaffServiceClient;
use trinity_proto::identity::user_service_client::UserServiceClient;
use trinity_proto::tenant::tenant_service_client::TenantServiceClient;
use trinity_rpc::Channel;

use crate::stack::Stack;

impl Stack {
    pub fn auth(&self) -> AuthServiceClient<Channel> {
        AuthServiceClient::new(self.runtime.peers.channel("identity").unwrap())
    }

    pub fn users(&self) -> UserServiceClient<Channel> {
        UserServiceClient::new(self.runtime.peers.channel("identity").unwrap())
    }

    pub fn access(&self) -> AccessServiceClient<Channel> {
        AccessServiceClient::new(self.runtime.peers.channel("identity").unwrap())
    }

    pub fn accounts(&self) -> ServiceAccountServiceClient<Channel> {
        ServiceAccountServiceClient::new(self.runtime.peers.channel("identity").unwrap())
    }

    pub fn staff(&self) -> StaffServiceClient<Channel> {
        StaffServiceClient::new(self.runtime.peers.channel("identity").unwrap())
    }

    pub fn environment(&self) -> EnvironmentServiceClient<Channel> {
        EnvironmentServiceClient::new(self.runtime.peers.channel("identity").unwrap())
    }

    pub fn tenants(&self) -> TenantServiceClient<Channel> {
        TenantServiceClient::new(self.runtime.peers.channel("tenant").unwrap())
    }
}
