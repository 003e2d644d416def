//! The acts of every role. Each method is one act and one line here, or one list of acts; the bulk
//! stream is the mission's.

/// Serves `impl Service of package`: a line for each method that is one act, `method: Request =>
/// Response;`, then the methods that take a list, then what takes more than a line.
macro_rules! acts {
    (
        impl $service:ident of $package:ident {
            $($act:ident: $act_request:ident => $act_response:ident;)*
        }
        lists { $($list:ident: $list_request:ident => $list_response:ident;)* }
        streams { $($streams:tt)* }
    ) => {
        #[tonic::async_trait]
        impl $service for Service {
            $(
                async fn $act(
                    &self,
                    request: tonic::Request<$package::$act_request>,
                ) -> Result<tonic::Response<$package::$act_response>, tonic::Status> {
                    let receipt = Some(self.0.take(request).await?);
                    Ok(tonic::Response::new($package::$act_response { receipt }))
                }
            )*
            $(
                async fn $list(
                    &self,
                    request: tonic::Request<$package::$list_request>,
                ) -> Result<tonic::Response<$package::$list_response>, tonic::Status> {
                    let receipts = self.0.take_list(request).await?;
                    Ok(tonic::Response::new($package::$list_response { receipts }))
                }
            )*
            $($streams)*
        }
    };
}

mod akimat;
mod bodies;
mod intake;
pub(super) mod mission;
mod queries;
